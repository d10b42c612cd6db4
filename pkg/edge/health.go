package edge

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
)

// mountCommon adds what every server of services offers: health checks and reflection, the old name of it included.
func (s *Server) mountCommon() {
	reflector := grpcreflect.NewReflector(grpcreflect.NamerFunc(func() []string { return s.services }))
	s.common(grpchealth.NewHandler(s))
	s.common(grpcreflect.NewHandlerV1(reflector))
	s.common(grpcreflect.NewHandlerV1Alpha(reflector))
}

func (s *Server) common(path string, h http.Handler) { s.mux.Handle(path, s.guard.procedures(h)) }

// Check answers gRPC health checks: a mounted service is as ready as the server.
func (s *Server) Check(_ context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if req.Service != "" && !slices.Contains(s.services, req.Service) {
		return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("no service %q here", req.Service))
	}
	status := grpchealth.StatusServing
	if s.ready() != nil {
		status = grpchealth.StatusNotServing
	}
	return &grpchealth.CheckResponse{Status: status}, nil
}
