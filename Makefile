SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

MODULES := $(shell sed -n 's|^\t\.|.|p' go.work)
CLEW    := bin/clew

GOLANGCI_VERSION := v2.15.0
GOLANGCI         := bin/golangci-lint-$(GOLANGCI_VERSION)

# Clew runs in containers where a Docker engine answers, and as processes of this machine elsewhere; MODE=compose or
# MODE=standalone decides it. Only the targets that concern the running system ask, once.
mode       = $(eval mode := $(shell MODE='$(MODE)' deploy/compose.sh mode $(filter up,$(MAKECMDGOALS))))$(or $(mode),$(error nothing was done))
standalone = $(filter standalone,$(mode))
manage     = $(if $(standalone),$(CLEW),deploy/compose.sh)
run        = $(if $(standalone),$(CLEW),deploy/compose.sh clew)

.PHONY: help up down status logs order streams dlq trace load kubernetes images test test-containers test-kubernetes bench charts lint fuzz tidy vendor screenshots redis postgres pgbouncer chromium python3 ip engine clew bin/loadtest
.SECONDEXPANSION:

help: ## list the targets
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 20

up: $$(if $$(standalone),redis clew) ## start everything, return when it is ready, print the addresses
	@$(manage) up $(if $(standalone),--detach)

down: $$(if $$(standalone),clew) ## stop everything; the data stays, but for containers with VOLUMES=1
	@$(manage) down

status: $$(if $$(standalone),clew) ## show the running processes
	@$(manage) status

logs: $$(if $$(standalone),clew) ## show the logs; NAME=order-1 for one of them
	@$(manage) logs $(NAME)

order: $$(if $$(standalone),clew) ## place an order and show its trace; ARGS="--sku lamp --count 3"
	@$(run) order $(ARGS)

streams: $$(if $$(standalone),clew) ## show the streams and who reads them
	@$(run) streams $(ARGS)

dlq: $$(if $$(standalone),clew) ## show the dead letters; ARGS="redrive --all"
	@$(run) dlq $(or $(ARGS),list)

trace: $$(if $$(standalone),clew) ## show a trace; ARGS=ID, of the trace or an order
	@$(run) trace $(ARGS)

load: $$(if $$(standalone),bin/loadtest) ## put load on the running system; SCENARIO=poison RATE=200 ARGS="--html report.html"
	@$(if $(standalone),bin/loadtest,deploy/compose.sh loadtest) run $(if $(SCENARIO),--scenario=$(SCENARIO)) $(if $(RATE),--rate=$(RATE)) $(ARGS)

kubernetes: ## write the secrets for a Kubernetes cluster and say how to start everything on it
	@deploy/kubernetes.sh

images: ## build the images of the containers
	@deploy/compose.sh images

# Tests of whole processes run without the race detector, which makes them slow; what they are made of is tested with it. They run
# one package after the other: they put load on a Clew and look at what it does, and two at a time are too much for two cores.
test: redis postgres pgbouncer chromium python3 ip ## run all tests, against a real Redis, Postgres and browser
	go test -race $(patsubst %,%/...,$(filter-out ./clew ./test,$(MODULES)))
	go test -run '^$$' ./clew/... ./test/... >/dev/null # compiles
	go test -p 1 -timeout 20m ./clew/... ./test/...

test-containers: engine ## test docker-compose.yml on a Docker engine, 5 minutes; the first time 15
	go test -tags containers -count=1 -parallel 8 -timeout 40m -v ./test/containers

test-kubernetes: engine ## test deploy/kubernetes on a cluster of its own, 25 minutes; the first time 70
	@deploy/install-servers.sh containerd containernetworking-plugins nft
	go test -tags kubernetes -count=1 -timeout 2h -v -run TestKubernetes ./test/kubernetes $(ARGS)

bench: redis postgres clew ## measure the speed, about 20 minutes; ARGS="--brief" for one, BENCH_JSON=file for numbers
	@go build -o bin/ ./test/bench ./loadtest/cmd/generator
	@GOWORK=off go build -C test/bench/peers -o $(CURDIR)/bin/ .
	@bin/bench $(ARGS)

charts: ## draw docs/charts again, from BENCH_JSON=file of make bench ARGS=--growth
	@go run ./test/bench --charts docs/charts

lint: $(GOLANGCI) ## check style and the direction of dependencies
	@for module in $(MODULES); do echo "lint $$module"; (cd $$module && $(CURDIR)/$(GOLANGCI) run ./...); done

fuzz: ## fuzz the codecs and parsers, 30 s each; FUZZTIME=5m for longer
	go test ./services/messaging -run '^$$' -fuzz FuzzDecode -fuzztime $(or $(FUZZTIME),30s)
	go test ./observability/viewer -run '^$$' -fuzz FuzzParseQuery -fuzztime $(or $(FUZZTIME),30s)
	go test ./observability/viewer -run '^$$' -fuzz FuzzOTLP -fuzztime $(or $(FUZZTIME),30s) -fuzzminimizetime 10x
	go test ./loadtest/internal/threshold -run '^$$' -fuzz Fuzz -fuzztime $(or $(FUZZTIME),30s)
	go test ./loadtest/internal/scenario -run '^$$' -fuzz Fuzz -fuzztime $(or $(FUZZTIME),30s)

tidy: ## tidy each module as if it stood alone
	@for module in $(MODULES); do (cd $$module && GOWORK=off go mod tidy); done
	@go list -m all >/dev/null # completes go.work.sum, which go doc would change otherwise

vendor: ## fetch the libraries of the viewer's page again, from npm
	@observability/viewer/page/vendor.sh

screenshots: redis chromium ## draw docs/screenshots of the page and of the load test's reports again
	go test ./test/page -count=1 -v -run TestScreenshots -update

redis:
	@deploy/install-servers.sh redis-server

postgres:
	@deploy/install-servers.sh postgres

pgbouncer:
	@deploy/install-servers.sh pgbouncer

chromium:
	@deploy/install-servers.sh chromium

python3:
	@deploy/install-servers.sh python3

# With ip the tests cut off a server, which only root may do.
ip:
	@[ "$$(uname)$$(id -u)" != Linux0 ] || deploy/install-servers.sh ip

# Where no engine answers, the tests start one.
engine:
	@docker info >/dev/null 2>&1 || deploy/install-servers.sh dockerd debootstrap

# The first build compiles some hundred packages: it counts them, so that one sees it is alive.
clew:
	@test -x $(CLEW) || echo "Building $(CLEW). The first time this takes some minutes."
	@go build -v -o $(CLEW) ./clew/cmd/clew 2>&1 | awk ' \
		/^go: downloading/ { if (++d % 20 == 0) print "  " d " modules downloaded"; fflush(); next } \
		NF == 1 && !/^#/   { if (++n % 50 == 0) print "  " n " packages compiled"; fflush(); next } \
		{ print; fflush() }'

bin/loadtest:
	@go build -o $@ ./loadtest/cmd/loadtest

$(GOLANGCI):
	@echo "Building golangci-lint $(GOLANGCI_VERSION). This takes some minutes."
	@GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv bin/golangci-lint $@
