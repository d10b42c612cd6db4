package edge

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

func TestStoppedReaderEndsBeforeTheHandler(t *testing.T) {
	s := NewServer(ServerConfig{}, zap.NewNop(), prometheus.NewRegistry())
	read := make(chan error, 1)
	s.Handle("/upload", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, err := io.ReadAll(r.Body)
			read <- err
		}()
		StopReading(r.Context())
		<-ended
	}))
	server := httptest.NewUnstartedServer(s.Handler())
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	defer server.Close()
	body, keep := io.Pipe() // never ends by itself
	defer keep.Close()
	resp, err := h2c(t).Post(server.URL+"/upload", "application/octet-stream", body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := <-read; err == nil {
		t.Error("the reader met an end that the client never sent")
	}
}
