# Few verbs. `make demo` and `make test` do all set-up themselves.
#   demo     synthetic scenes on a map at http://127.0.0.1:8080/ until Ctrl-C; ONCE=1: follow one scene and end
#   test     everything CI runs: lints, documentation, unit, end-to-end and browser tests
#   nightly  what takes minutes: the tile engine without ISA-L, 10,000 scenes dropped at once, and every aim under load
#            (perf/nightly.sh; root, two cores)
#   build    the programs, into target/release
#   check    formatting, clippy, rustdoc, TypeScript; no test is run
#   bench    speed of the tile engine by stage, and of the server
#   load     the operator's test protocol against a running server (URL=…)
#   docs     the crates' documentation, into target/doc
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test nightly build check bench load docs setup setup-build frontend rust-test frontend-test

URL ?= http://127.0.0.1:8080
# Warnings fail `make check`, not a build: a newer lint must not stop a user.
DENY := -D warnings

help:
	@sed -n 's/^#   //p' Makefile

setup:
	@deploy/setup.sh all

setup-build:
	@deploy/setup.sh build

frontend/dist/index.html: $(shell find frontend -path frontend/node_modules -prune -o -path frontend/dist -prune -o -type f -print)
	@echo "· building the frontend"
	@npm run --silent --prefix frontend build
	@touch $@

build: setup-build frontend/dist/index.html
	@echo "· building the programs (the first time takes some minutes)"
	@cargo build --release --locked --workspace --bins

demo: build
	@exec target/release/aurora-demo $(if $(ONCE),--once)

check: setup frontend/dist/index.html
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- $(DENY)
	cargo clippy --release --locked -p aurora-raster --no-default-features --all-targets -- $(DENY)
	cargo check --release --locked --workspace --bins
	RUSTDOCFLAGS="$(DENY)" cargo doc --release --locked --workspace --no-deps --document-private-items
	npm run --silent --prefix frontend check

frontend-test: setup
	npm test --silent --prefix frontend

# Programs come from here, too, with features that only tests need; without those they are checked above.
rust-test: setup frontend/dist/index.html
	cargo test --release --locked --workspace

test: check frontend-test rust-test

nightly: export SKIPS := fail
nightly: setup build
	cargo test --release --locked -p aurora-raster --no-default-features --lib --test expected --test pictures --test values --test reader
	cargo test --release --locked --workspace --test drops -- --ignored --nocapture
	perf/nightly.sh

bench: build
	perf/bench.sh
	perf/stages.sh

load: build
	target/release/aurora-perf protocol --server $(URL) --out perf/out

docs: setup-build
	cargo doc --release --locked --workspace --no-deps
