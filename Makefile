# Stanchion: the two commands are `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BUILT := $(abspath $(or $(CARGO_TARGET_DIR),target))
.PHONY: help run build web test lint bench provision provision-test soak clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: build ## build and start everything on the embedded default, with a demo event and a crowd (ARGS="--no-crowd")
	@exec tools/run $(ARGS)

build: provision web ## the release binary, pages embedded: target/release/stanchion
	cargo build --release --locked -p stanchion

web: provision web/dist/queue.html ## the pages: web/dist

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

web/dist/queue.html: web/node_modules/.package-lock.json $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -name '*.rs' 2>/dev/null)
	cd web && npm run --silent build
	@touch $@

test: provision-test web ## every test, on private Redis, Kafka, PostgreSQL and Chromium; leaves nothing behind
	tools/test

soak: provision-test build ## the long form of the proof: MINUTES=60 of kills, one JSON line per trial and a sum (STANCHION_SEED repeats)
	cargo build --locked -p e2e --bin soak
	@STANCHION_BIN=$(BUILT)/release/stanchion $(BUILT)/debug/soak

lint: provision-test web ## formatting, clippy, docs, pages, shell scripts, licences
	tools/lint

bench: build ## the benchmarks: bench/README.md says what they measure
	cargo build --release --locked -p bench
	$(BUILT)/release/bench --binary $(BUILT)/release/stanchion all

provision:
	@tools/provision run

provision-test:
	@tools/provision test

clean: ## removes what was built; keeps ./data
	rm -rf target web/dist web/node_modules .tools
