package job

import (
	"errors"
	"io"

	"google.golang.org/protobuf/proto"

	provisioningv1 "github.com/busyhour/busyhour/api/gen/busyhour/provisioning/v1"
)

// ReadItems reads items that come some at a time, until next says io.EOF. Any other error of next's it returns.
func ReadItems(next func() ([]*provisioningv1.Item, error), most Limits) (*Import, error) {
	im := newImport()
	for left := most.Bytes; ; {
		some, err := next()
		switch {
		case errors.Is(err, io.EOF) && im.Read == 0:
			im.wrong(1, "", "there is no item")
			return im, nil
		case errors.Is(err, io.EOF):
			return im, nil
		case err != nil:
			return nil, err
		}
		for _, it := range some {
			left -= int64(proto.Size(it))
			if !im.next(it, left, most) {
				return im, nil
			}
		}
	}
}

// next takes the next item, with so many bytes left after it, and reports whether there may be more.
func (im *Import) next(it *provisioningv1.Item, left int64, most Limits) bool {
	number := im.Read + 1
	switch {
	case number > most.Items:
		im.stop(number, "there are more than %d items: make several jobs of them", most.Items)
		return false
	case left < 0:
		im.stop(number, "the items have more than %d bytes: make several jobs of them", most.Bytes)
		return false
	}
	im.Read++
	im.take(number, it)
	return true
}
