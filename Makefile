# `make run` shows the policy at work, `make test` runs all tests. Both install what they need.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
WASM_TARGET := wasm32-unknown-unknown
GUEST := $(TARGET_DIR)/$(WASM_TARGET)/guest/datakit_operator_policy.wasm
# Largest size of the annotated module in bytes, where wasm-opt is there to make it small.
BUDGET := 920000

# What `make run` runs the policy on.
MANIFEST ?= examples/nginx.yaml
SETTINGS ?= policy-settings/default.json

HOST_PROGRAM := $(TARGET_DIR)/debug/datakit-policy

# The program that `make e2e-tests` calls: kwctl where it is installed, else our stand-in.
KWCTL ?= $(or $(shell command -v kwctl),$(abspath $(HOST_PROGRAM)))

# Paths of the machine have no place in the module.
REGISTRY := $(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src
REMAP := --remap-path-prefix=$(REGISTRY)= --remap-path-prefix=$(CURDIR)=
# What rustc emits for the target, so that wasm-opt keeps to it.
WASM_FEATURES := --enable-bulk-memory --enable-sign-ext --enable-mutable-globals \
	--enable-nontrapping-float-to-int --enable-multivalue --enable-reference-types

# Check the workflows and the spelling; Python packages.
PYTHON_TOOLS := $(TARGET_DIR)/tools
ZIZMOR_VERSION := 1.32.0
TYPOS_VERSION := 1.52.0

WASM_BINDGEN_VERSION := $(shell sed -n '/^name = "wasm-bindgen"$$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / {printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Building

.PHONY: wasm-target
wasm-target:
	@rustc --print target-libdir --target $(WASM_TARGET) | xargs -I{} test -d {} || rustup target add $(WASM_TARGET)

# Which wasm-opt there is; the file changes when that does, and with it the module.
WASM_OPT := $(TARGET_DIR)/wasm-opt-version
.PHONY: FORCE
$(WASM_OPT): FORCE
	@$(if $(OPTIMIZED),$(MAKE) --no-print-directory wasm-opt)
	@mkdir -p $(@D); version=$$(wasm-opt --version 2>/dev/null || echo none); \
	[ "$$version" = "$$(cat $@ 2>/dev/null)" ] || echo "$$version" >$@

# These want the module that is released, which costs less than one without wasm-opt; others take what the machine makes.
test test-native test-playground limits reproduce: OPTIMIZED := yes

# optimize MODULE,OPTIONS: makes the target of a module that cargo has built.
define optimize
	@if command -v wasm-opt >/dev/null; then \
		wasm-opt $(2) $(WASM_FEATURES) --strip-debug --strip-producers $(1) -o $@; \
	else \
		echo "wasm-opt (package binaryen) is not installed: the module stays larger than a released one"; \
		cp $(1) $@; \
	fi
endef

policy.wasm: $(shell find src -name '*.rs') Cargo.toml Cargo.lock Makefile $(WASM_OPT) | wasm-target ## Build the policy
	RUSTFLAGS="$(RUSTFLAGS) $(REMAP)" cargo build --locked --profile guest --target $(WASM_TARGET) --lib
	$(call optimize,$(GUEST),-O3)

# What a policy costs at the least, which the costs of ours are compared with; built like ours.
FLOOR := $(TARGET_DIR)/floor.wasm
.PHONY: floor
floor: $(FLOOR)
$(FLOOR): $(wildcard benches/floor/src/*.rs benches/floor/Cargo.toml) Cargo.toml Cargo.lock Makefile $(WASM_OPT) | wasm-target
	RUSTFLAGS="$(RUSTFLAGS) $(REMAP)" cargo build --locked --profile floor --target $(WASM_TARGET) --package floor-policy
	@floor=$(TARGET_DIR)/$(WASM_TARGET)/floor/floor_policy.wasm; \
	if command -v wasm-opt >/dev/null; then wasm-opt -O3 $(WASM_FEATURES) --strip-debug --strip-producers $$floor -o $@; \
	else cp $$floor $@; fi

# Another folder, with a longer path and a target folder of its own.
.PHONY: reproduce
reproduce: policy.wasm ## Build the policy once more, in another folder, and compare the bytes
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; copy="$$folder/another/folder/with/a/longer/path"; mkdir -p "$$copy"; \
	git ls-files -z --cached --others --exclude-standard | xargs -0 tar -cf - | tar -xf - -C "$$copy"; \
	CARGO_TARGET_DIR="$$copy/target" $(MAKE) --no-print-directory -C "$$copy" policy.wasm; \
	here=$$(sha256sum <policy.wasm) there=$$(sha256sum <"$$copy/policy.wasm"); \
	echo "this folder:    $${here%% *}"; echo "another folder: $${there%% *}"; \
	if [ "$$here" != "$$there" ]; then echo "the two builds differ" >&2; exit 1; fi

annotated-policy.wasm: policy.wasm metadata.yml README.md ## Build the policy with its metadata
	@if command -v kwctl >/dev/null; then \
		kwctl annotate --metadata-path metadata.yml --usage-path README.md --output-path $@ policy.wasm; \
	else \
		$(MAKE) --no-print-directory host-program; \
		$(HOST_PROGRAM) annotate -m metadata.yml -u README.md -o $@ policy.wasm; \
	fi
	@size=$$(stat -c %s $@); echo "$@: $$size bytes, $(BUDGET) at the most"; \
	if command -v wasm-opt >/dev/null && [ "$$size" -gt $(BUDGET) ]; then echo "$@ is over its budget" >&2; exit 1; fi

.PHONY: run
run: host-program ## Show what the policy does to MANIFEST (examples/nginx.yaml) with SETTINGS
	@$(HOST_PROGRAM) preview $(MANIFEST) --settings $(SETTINGS)

.PHONY: install
install: policy.wasm ## Install datakit-policy, which carries the policy
	cargo install --locked --path cli

# Built with the tests, whose dependencies turn on features of libraries that the program has as well: one build serves both.
# The program carries the policy.
.PHONY: host-program
host-program: policy.wasm
	cargo build --locked --workspace --bins --tests

# What the page has of the command line's code, with the policy; and once more with what policies with matchConditions take.
PAGE := $(TARGET_DIR)/$(WASM_TARGET)/page/datakit_policy_playground.wasm
PAGE_SOURCES := policy.wasm $(shell find src host cli reach playground/core -name '*.rs' -o -name Cargo.toml) Cargo.toml \
	Cargo.lock Makefile $(WASM_OPT)
playground/core.wasm: FEATURE := carrier
playground/core-conditions.wasm: FEATURE := conditions
# Cargo builds both to one place, so one after the other.
playground/core-conditions.wasm: | playground/core.wasm
playground/core.wasm playground/core-conditions.wasm: $(PAGE_SOURCES) | wasm-target
	RUSTFLAGS="$(RUSTFLAGS) $(REMAP)" cargo build --locked --profile page --target $(WASM_TARGET) --lib \
		--package datakit-policy-playground --features $(FEATURE)
	$(call optimize,$(PAGE),--merge-similar-functions -Oz --converge)

# Smaller than gzip makes them, which is the best that many servers do. The options are for what is not text.
playground/%.wasm.xz: playground/%.wasm | xz
	xz --stdout --check=crc32 --lzma2=preset=9e,lc=4,lp=0,pb=0 $< >$@

NPM := npm --prefix playground --silent
# npm writes this file last.
PLAYGROUND_PACKAGES := playground/node_modules/.package-lock.json
$(PLAYGROUND_PACKAGES): playground/package-lock.json
	$(NPM) ci --ignore-scripts --no-audit --no-fund

PLAYGROUND := playground/core.wasm.xz playground/core-conditions.wasm.xz $(PLAYGROUND_PACKAGES)
.PHONY: playground playground-dev
playground: $(PLAYGROUND) ## Build the playground: playground/dist, static files for any folder of any server
	$(NPM) run build

playground-dev: $(PLAYGROUND) ## Serve the playground while you work on it
	$(NPM) run dev

.PHONY: docs
docs: ## Write what is made of the table of settings: the reference's tables, JSON Schema, Rancher's form, the chart's schema
	UPDATE_GOLDEN=1 cargo test --locked --workspace --test settings made

##@ Checking

.PHONY: fmt
fmt: ## Format the code
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml

# `required` makes it an error that the database of advisories cannot be reached.
ADVISORIES ?=

.PHONY: lint
lint: policy.wasm cargo-deny ## Check format, code, dependencies, workflows and spelling
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo deny --log-level error check licenses bans sources
	@if cargo deny --log-level off fetch db 2>/dev/null; then cargo deny --log-level error check advisories; \
	elif [ "$(ADVISORIES)" = required ]; then echo "the advisories cannot be fetched" >&2; exit 1; \
	else echo "the advisories cannot be fetched: they are not checked"; fi
	@$(call checked,zizmor,$(ZIZMOR_VERSION),the workflows are,--offline --no-progress .github)
	@$(call checked,typos,$(TYPOS_VERSION),the spelling is,)

# checked NAME,VERSION,WHAT,ARGUMENTS: runs a Python package, which is installed where it is missing and can be.
define checked
tool=$$(command -v $(1) || echo $(PYTHON_TOOLS)/bin/$(1)); \
[ -x "$$tool" ] || { python3 -m venv $(PYTHON_TOOLS) && $(PYTHON_TOOLS)/bin/pip install --quiet $(1)==$(2); } || true; \
if [ -x "$$tool" ]; then "$$tool" $(4); \
else echo "$(1) could not be installed: $(3) not checked" >&2; fi
endef

.PHONY: test
test: tools lint test-wasm test-native test-playground e2e-tests chart-tests release-tests fuzz-smoke reproduce ## Run all tests

.PHONY: test-native
test-native: policy.wasm floor docker-registry ## Unit tests natively, and the tests on the built policy
	cargo test --locked --workspace

.PHONY: limits
limits: policy.wasm ## Measure what hostile requests cost: the table of docs/limits.md
	@cargo test --quiet --locked --workspace --test policy -- --ignored --nocapture --test-threads 1 prints_the_table | \
		grep '^|'

.PHONY: bench-policy-server
bench-policy-server: annotated-policy.wasm ## Measure a real policy server, POLICY_SERVER, with the policy: the table of docs/operations.md (needs wrk)
	benches/policy-server.sh "$(or $(POLICY_SERVER),policy-server)"

.PHONY: accept-costs
accept-costs: policy.wasm floor ## Accept what requests cost now: writes benches/baseline.json
	UPDATE_BASELINE=1 cargo test --locked --workspace --test policy cost::

.PHONY: bench
bench: policy.wasm floor ## Measure the policy beside the least that a policy costs: the tables and plots of docs/performance.md
	cargo bench --locked --package datakit-policy-benches

# Without a sanitizer it needs no nightly Rust; the guest has no unsafe code that one could watch.
FUZZ_TARGETS := $(sort $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs))))
# Seconds for each target.
FUZZ_SECONDS ?= 60
# What was found before goes on to be tried; what is new is kept, outside of the repository.
FUZZ_FOUND := fuzz/target/corpus

.PHONY: bench-election
bench-election: ## Measure what the election service takes: the table of docs/election.md
	cargo bench --locked --package datakit-election --bench load

.PHONY: fuzz
fuzz: cargo-fuzz ## Fuzz each target for FUZZ_SECONDS (60)
	cargo fuzz build --sanitizer none
	@for target in $(FUZZ_TARGETS); do \
		found=$(FUZZ_FOUND)/$$target; log=$(FUZZ_FOUND)/$$target.log; dictionary=fuzz/dictionaries/$$target.dict; \
		mkdir -p $$found; \
		cargo fuzz run --sanitizer none $$target $$found fuzz/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) \
			-timeout=10 $$([ -f $$dictionary ] && echo -dict=$$dictionary) >$$log 2>&1 || { cat $$log >&2; exit 1; }; \
		sed -n "s/^Done/$$target:/p" $$log; \
	done

.PHONY: fuzz-smoke
fuzz-smoke: ## Fuzz each target for a few seconds
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=3

.PHONY: test-wasm
test-wasm: wasm-target wasm-bindgen node ## Unit tests inside wasm32, run by Node.js
	NODE_PATH=$(CURDIR)/tests/wasm32 CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner \
		cargo test --locked --target $(WASM_TARGET) --lib

# Debian's Chromium, or what CHROMIUM names.
export CHROMIUM ?= $(firstword $(wildcard $(addprefix /usr/bin/,chromium chromium-browser google-chrome)) /usr/bin/chromium)
.PHONY: test-playground
test-playground: ## Test the playground in Chromium, where there is one or it can be installed
	@if [ -x "$(CHROMIUM)" ] || $(MAKE) --no-print-directory chromium; then \
		$(MAKE) --no-print-directory OPTIMIZED=$(OPTIMIZED) npm playground && $(NPM) test; \
	else echo "there is no Chromium: the tests of the playground are skipped"; fi

.PHONY: playground-screenshots
playground-screenshots: playground ## Write the README's pictures of the playground
	$(NPM) run screenshots

.PHONY: e2e-tests
e2e-tests: annotated-policy.wasm host-program bats jq ## The command line tests, with KWCTL
	KWCTL="$(KWCTL)" bats e2e.bats

# helm is built from its Go module where it is missing and Go is there; HELM names another one.
.PHONY: chart-tests
chart-tests: bats ## Test the Helm chart with helm (needs helm or Go)
	@if helm=$$(tests/chart/helm.sh $(TARGET_DIR)/helm); then HELM="$$helm" bats tests/chart/chart.bats; \
	elif [ $$? = 2 ]; then echo "the chart is not rendered: please install helm or Go" >&2; \
	else exit 1; fi

.PHONY: release-tests
release-tests: bats zip unzip ## Test what a release makes of its programs, and the GitHub Action
	bats tests/release

# etcd, kube-apiserver and helm are built from their Go modules; KUBEBUILDER_ASSETS and HELM name ready ones.
# KUBEWARDEN_CRDS names a folder with Kubewarden's own definitions, which the chart is tested with instead of made ones.
# UPDATE_SEQUENCES=1 writes tests/sequences anew; WALK_SEED and WALK_STEPS are for the random walks; ARGS may be words of names.
.PHONY: test-cluster
test-cluster: policy.wasm ## Test the policy, the chart and the election service on a real API server (needs Go)
	@assets=$$(tests/cluster/assets.sh $(TARGET_DIR)/cluster); helm=$$(tests/chart/helm.sh $(TARGET_DIR)/helm); \
	KUBEBUILDER_ASSETS="$$assets" HELM="$$helm" cargo test --locked --workspace --features datakit-election/cluster,datakit-policy/cluster \
		--test cluster --test replicas --test status_in_cluster -- $(ARGS)

# Maven, npm and pip fetch the agents that tests/agents/images pins. ARGS may be words of names.
.PHONY: test-agents
test-agents: policy.wasm ## Test the injected variables on real agents (needs Java, Node.js and Python)
	@images=$$(tests/agents/fetch.sh $(TARGET_DIR)/agents); \
	AGENTS_IMAGES="$$images" cargo test --locked --workspace --features datakit-policy-agents/agents \
		--test agents -- $(ARGS)

# E2E_REGISTRY is a registry that the nodes reach by the same name; ARGS may be words of names.
E2E_TESTS := cargo test --locked --workspace --features datakit-policy-e2e/e2e --test e2e
.PHONY: test-e2e
test-e2e: policy.wasm ## Test injected workloads on the cluster that KUBECONFIG names, with its nodes
	@[ -n "$${KUBECONFIG:-}" ] || { echo "KUBECONFIG has to name a cluster for tests" >&2; exit 1; }
	$(E2E_TESTS) -- $(ARGS)

# The tests are built before, because what runs beside the node has no network to fetch crates from.
.PHONY: test-e2e-here
test-e2e-here: policy.wasm ## The same on a node that is started on this machine for it (needs root and Go)
	$(E2E_TESTS) --no-run
	@cluster=$$(tests/cluster/assets.sh $(TARGET_DIR)/cluster); \
	programs=$$(tests/e2e/programs.sh "$$cluster" $(TARGET_DIR)/node); \
	tests/e2e/node.sh "$$programs" $(MAKE) --no-print-directory test-e2e

##@ Tools, installed where they are missing

# All that `make test` needs besides Rust, make and a C compiler.
.PHONY: tools
tools: wasm-target wasm-bindgen cargo-deny cargo-fuzz wasm-opt node bats jq docker-registry zip unzip xz ## Install what the tests need

.PHONY: wasm-bindgen
wasm-bindgen:
	@wasm-bindgen-test-runner --version 2>/dev/null | grep -qF "$(WASM_BINDGEN_VERSION)" || \
		cargo install wasm-bindgen-cli --version $(WASM_BINDGEN_VERSION)

CARGO_DENY_VERSION := 0.20.2

.PHONY: cargo-deny
cargo-deny:
	@cargo deny --version 2>/dev/null | grep -qF "$(CARGO_DENY_VERSION)" || \
		cargo install --locked cargo-deny --version $(CARGO_DENY_VERSION)

CARGO_FUZZ_VERSION := 0.13.2

.PHONY: cargo-fuzz
cargo-fuzz:
	@cargo fuzz --version 2>/dev/null | grep -qF "$(CARGO_FUZZ_VERSION)" || \
		cargo install --locked cargo-fuzz --version $(CARGO_FUZZ_VERSION)

# The tools below are Debian packages; elsewhere install what the message names.
.PHONY: bats chromium docker-registry jq node npm unzip wasm-opt xz zip
node: PACKAGE := nodejs
wasm-opt: PACKAGE := binaryen
xz: PACKAGE := xz-utils
bats chromium docker-registry jq node npm unzip wasm-opt xz zip:
	@command -v $@ >/dev/null || $(SUDO) apt-get install --yes --quiet $(or $(PACKAGE),$@) || \
		{ $(SUDO) apt-get update --quiet && $(SUDO) apt-get install --yes --quiet $(or $(PACKAGE),$@); } || \
		{ echo "please install $@ (package $(or $(PACKAGE),$@))" >&2; exit 1; }
# Root needs no sudo, and containers often have none.
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.PHONY: clean
clean: ## Remove what was built
	cargo clean
	rm -f policy.wasm annotated-policy.wasm playground/*.wasm playground/*.wasm.xz
	rm -rf playground/dist playground/node_modules
