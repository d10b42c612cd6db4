# syntax=docker/dockerfile:1
# One image a service: docker build --build-arg SERVICE=call-routing .   (or agent-presence, provisioning, busyhour)
# All binaries are built in one stage, so that building four images compiles once.

FROM node:22-bookworm-slim AS page
WORKDIR /web
COPY services/agent-presence/web/package.json services/agent-presence/web/package-lock.json services/agent-presence/web/.npmrc ./
RUN --mount=type=cache,target=/var/cache/npm npm ci --cache=/var/cache/npm --loglevel=error
COPY services/agent-presence/web/ ./
RUN npm run build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=page /web/dist services/agent-presence/web/dist
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/var/cache/go-build <<EOT
	set -eu
	export GOCACHE=/var/cache/go-build
	mkdir /out
	CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/ \
	  ./services/call-routing/cmd/call-routing \
	  ./services/agent-presence/cmd/agent-presence \
	  ./services/provisioning/cmd/provisioning \
	  ./services/busyhour/cmd/busyhour
EOT

FROM gcr.io/distroless/static-debian12:nonroot
ARG SERVICE
COPY --from=build /out/${SERVICE} /service
EXPOSE 8080 9090
# The image has no shell and no curl: the binary asks its own /readyz.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --start-interval=500ms --retries=3 CMD ["/service", "health"]
ENTRYPOINT ["/service"]
