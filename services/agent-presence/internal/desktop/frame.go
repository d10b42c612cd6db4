package desktop

import (
	"fmt"
	"time"
	"unicode/utf8"

	presencev1 "github.com/busyhour/busyhour/api/gen/busyhour/presence/v1"
	"github.com/coder/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Subprotocol is asked for by screens that want binary frames; without it, frames are JSON text.
const Subprotocol = "busyhour.desktop.v1.proto"

// format is how a screen's frames are written.
type format int

const (
	text format = iota
	binary
	formats
)

func formatOf(subprotocol string) format {
	if subprotocol == Subprotocol {
		return binary
	}
	return text
}

func (f format) messageType() websocket.MessageType {
	if f == binary {
		return websocket.MessageBinary
	}
	return websocket.MessageText
}

// lenient lets a client be newer than this server: what is not known is passed over.
var lenient = protojson.UnmarshalOptions{DiscardUnknown: true}

// decode reads a client's frame. Its error text goes to the client.
func (f format) decode(typ websocket.MessageType, data []byte) (*presencev1.ClientFrame, error) {
	if typ != f.messageType() {
		return nil, fmt.Errorf("binary frames need the subprotocol %s, and text frames its absence", Subprotocol)
	}
	frame := &presencev1.ClientFrame{}
	switch {
	case f == binary:
		if proto.Unmarshal(data, frame) != nil {
			return nil, fmt.Errorf("not a ClientFrame in protobuf")
		}
	case !utf8.Valid(data):
		return nil, fmt.Errorf("not UTF-8")
	case lenient.Unmarshal(data, frame) != nil:
		return nil, fmt.Errorf("not a ClientFrame in protobuf's JSON")
	}
	return frame, nil
}

func (f format) encode(m *presencev1.ServerFrame) ([]byte, error) {
	if f == binary {
		return proto.Marshal(m)
	}
	return protojson.Marshal(m)
}

// moments are when what a frame tells was decided, and when the signal came that led to it, by Redis' clock; zero where
// that is not measured.
type moments struct{ decided, signal time.Time }

// frame is one frame on its way to one or more screens.
type frame struct {
	body *presencev1.ServerFrame
	// answer: it answers a client's frame, and is not dropped with the queue.
	answer bool
	moments

	encoded [formats][]byte // one owner at a time: the desk's lock, or the goroutine that made it
}

// in is the frame in a format, encoded the first time it is asked for.
func (f *frame) in(as format) ([]byte, error) {
	if f.encoded[as] == nil {
		b, err := as.encode(f.body)
		if err != nil {
			return nil, fmt.Errorf("encode %T: %w", f.body.Frame, err)
		}
		f.encoded[as] = b
	}
	return f.encoded[as], nil
}

// kind names the frame in metrics.
func (f *frame) kind() string {
	switch f.body.Frame.(type) {
	case *presencev1.ServerFrame_Snapshot:
		return "snapshot"
	case *presencev1.ServerFrame_WorkloadChanged:
		return "workload"
	case *presencev1.ServerFrame_PresenceChanged:
		return "presence"
	case *presencev1.ServerFrame_Heartbeat:
		return "heartbeat"
	case *presencev1.ServerFrame_Done:
		return "done"
	case *presencev1.ServerFrame_Refused:
		return "refused"
	case *presencev1.ServerFrame_Going:
		return "going"
	case *presencev1.ServerFrame_Verification:
		return "verification"
	}
	return "unknown"
}
