SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

MODULES := $(shell sed -n 's|^\t\.|.|p' go.work)
CLEW    := bin/clew

GOLANGCI_VERSION := v2.15.0
GOLANGCI         := bin/golangci-lint-$(GOLANGCI_VERSION)

.PHONY: help up down status logs order test bench lint fuzz tidy redis postgres clew

help: ## list the targets
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 12

up: redis clew ## start everything, return when it is ready, print the addresses
	@$(CLEW) up --detach

down: clew ## stop everything; the data stays in .clew/
	@$(CLEW) down

status: clew ## show the processes
	@$(CLEW) status

logs: clew ## show the processes' logs; NAME=order-1 for one of them
	@$(CLEW) logs $(NAME)

order: clew ## place an order and show its trace; ARGS="--sku lamp --count 3"
	@$(CLEW) order $(ARGS)

# Tests of whole processes run without the race detector, which makes them slow; what they are made of is tested with it.
test: redis postgres ## run all tests, against a real Redis and Postgres
	go test -race $(patsubst %,%/...,$(filter-out ./standalone,$(MODULES)))
	go test ./standalone/...

bench: redis postgres clew ## measure the speed, about 15 minutes; ARGS="--brief" for one, BENCH_JSON=file for numbers
	@go build -o bin/bench ./standalone/cmd/bench
	@bin/bench $(ARGS)

lint: $(GOLANGCI) ## check style and the direction of dependencies
	@for module in $(MODULES); do echo "lint $$module"; (cd $$module && $(CURDIR)/$(GOLANGCI) run ./...); done

fuzz: ## fuzz the codecs and parsers, 30 s each; FUZZTIME=5m for longer
	go test ./services/messaging -run '^$$' -fuzz FuzzDecode -fuzztime $(or $(FUZZTIME),30s)
	go test ./observability/viewer -run '^$$' -fuzz Fuzz -fuzztime $(or $(FUZZTIME),30s)

tidy: ## tidy each module as if it stood alone
	@for module in $(MODULES); do (cd $$module && GOWORK=off go mod tidy); done

redis:
	@standalone/install-servers.sh redis-server

postgres:
	@standalone/install-servers.sh postgres

# The first build compiles some hundred packages: it counts them, so that one sees it is alive.
clew:
	@test -x $(CLEW) || echo "Building $(CLEW). The first time this takes some minutes."
	@go build -v -o $(CLEW) ./standalone/cmd/clew 2>&1 | awk ' \
		/^go: downloading/ { if (++d % 20 == 0) print "  " d " modules downloaded"; fflush(); next } \
		NF == 1 && !/^#/   { if (++n % 50 == 0) print "  " n " packages compiled"; fflush(); next } \
		{ print; fflush() }'

$(GOLANGCI):
	@echo "Building golangci-lint $(GOLANGCI_VERSION). This takes some minutes."
	@GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv bin/golangci-lint $@
