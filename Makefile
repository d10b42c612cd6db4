.DEFAULT_GOAL := help
.PHONY: help build run test lint generate page bench chaos test-k8s stack-up stack-down clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the four binaries into bin/
	@scripts/build

run: build ## run everything in one process, on http://127.0.0.1:8080
	@bin/busyhour up

test: ## run all tests, those on real servers too
	@scripts/test

test-k8s: ## install the chart on a cluster (KUBECONFIG), load it, roll, scale and rob it
	@scripts/test-k8s

lint: ## check format, style, contracts and generated code
	@scripts/lint

generate: ## make api/gen from api/proto
	@scripts/generate

page: ## build the page that agent-presence serves
	@scripts/page

bench: ## measure latencies on real servers
	@scripts/bench

SEED ?= 1
MINUTES ?= 3
chaos: ## break real servers under load, check that no state has lied: make chaos SEED=1 MINUTES=60
	@scripts/chaos --seed $(SEED) --minutes $(MINUTES)

stack-up: ## start Kafka, Redis and NATS for tests; addresses in .stack/env
	@scripts/stack up

stack-down: ## stop them
	@scripts/stack down

clean: ## remove what was built, and what runs left behind
	@rm -rf bin out data services/agent-presence/web/node_modules
	@find services/agent-presence/web/dist -mindepth 1 ! -name .gitkeep -delete
