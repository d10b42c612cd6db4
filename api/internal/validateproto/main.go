// Command validateproto prints buf/validate/validate.proto as the protovalidate module holds it, so that the protos can
// be compiled without a schema registry.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"github.com/jhump/protoreflect/v2/protoprint"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: validateproto DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "validateproto:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	file := filepath.Join(dir, "buf", "validate", "validate.proto")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	printer := protoprint.Printer{}
	if err := printer.PrintProtoFile(validate.File_buf_validate_validate_proto, out); err != nil {
		return fmt.Errorf("print validate.proto: %w", err)
	}
	return out.Close()
}
