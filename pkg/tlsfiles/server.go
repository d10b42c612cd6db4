package tlsfiles

import "crypto/tls"

// Server accepts connections.
type Server struct {
	*watched
	auth tls.ClientAuthType
}

// NewServer reads the files for the first time. If there is a CA, callers are asked for a certificate that it has signed, and
// auth says what becomes of those who have none.
func NewServer(f Files, auth tls.ClientAuthType) (*Server, error) {
	w, err := watch(f)
	if err != nil {
		return nil, err
	}
	return &Server{w, auth}, nil
}

// Config takes what the files say from handshake to handshake.
func (s *Server) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.next(), nil },
	}
}

func (s *Server) next() *tls.Config {
	now := s.current()
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{*now.pair},
		NextProtos:   []string{"h2", "http/1.1"},
	}
	if now.authorities != nil {
		config.ClientCAs, config.ClientAuth = now.authorities, s.auth
		config.SessionTicketsDisabled = true // a session that goes on would be let in by whom is not trusted any more
	}
	return config
}
