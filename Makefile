# Trạm. `make help` lists what can be done. Each target prints what it is doing and, when
# something is missing on the machine, the one command that installs it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
CARGO ?= cargo
WEB := ingest/server/web
export CARGO_TERM_COLOR ?= auto

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: tools
tools:
	@tests/scripts/tools.sh

.PHONY: run
run: tools web ## the centre, three emulated stations in a storm, and the page on http://127.0.0.1:8080
	@echo "building the programs (the first time takes some minutes) …"
	$(CARGO) build --quiet --bins -p tram-ingest -p tram-edge -p tram-tests
	@tests/scripts/run.sh

.PHONY: test
test: tools web ## every test that needs no emulated Raspberry Pi
	@tests/scripts/test.sh

.PHONY: check
check: tools web ## format, clippy, documentation, fuzz targets, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet
	@# A workspace of its own, which nothing else compiles; libFuzzer itself is only linked by `make fuzz`.
	CUSTOM_LIBFUZZER_PATH=/dev/null $(CARGO) check --quiet --manifest-path tests/fuzz/Cargo.toml --target-dir $(or $(CARGO_TARGET_DIR),target)/fuzz
	@tests/scripts/deny.sh
	@if [ -d $(WEB)/node_modules ]; then cd $(WEB) && npm run --silent check; fi

.PHONY: web
web: ## the web page, from npm; without Node.js the centre says how to build it
	@tests/scripts/web.sh

.PHONY: bench
bench: tools ## rates, times, memory and disk beside other databases; ONLY=part,part JSON=file
	$(CARGO) build --quiet --release -p tram-ingest -p tram-edge --bins
	$(CARGO) build --quiet --release -p tram-tests --bin tram-bench
	@$(or $(CARGO_TARGET_DIR),target)/release/tram-bench $(if $(ONLY),--only $(ONLY)) $(if $(JSON),--json $(JSON))

.PHONY: crash
crash: tools ## power cuts and disk errors at every write of the store; 1000 kill -9, or KILLS=n SEED=n
	$(CARGO) build --quiet --bins -p tram-ingest -p tram-edge -p tram-tests
	@$(or $(CARGO_TARGET_DIR),target)/debug/tram-cut --seed $(or $(SEED),1)
	@$(or $(CARGO_TARGET_DIR),target)/debug/tram-crash --kills $(or $(KILLS),1000) --seed $(or $(SEED),1)

.PHONY: soak
soak: tools ## a day of 2,000 stations on a simulated clock, then the real programs for 30 minutes, or MINUTES=n
	$(CARGO) build --quiet --release --bins -p tram-ingest -p tram-edge -p tram-tests
	@bin=$(or $(CARGO_TARGET_DIR),target)/release; mkdir -p target/soak; \
	$$bin/tram-soak day --plot target/soak/day.svg && $$bin/tram-soak real --minutes $(or $(MINUTES),30) --plot target/soak/real.svg

.PHONY: crash-replicas
crash-replicas: tools ## kill -9 of replicas and broker at random, 200 times, or REPLICAS=n KILLS=n SEED=n
	$(CARGO) build --quiet --bins -p tram-ingest -p tram-edge -p tram-tests
	@$(or $(CARGO_TARGET_DIR),target)/debug/tram-crash --replicas $(or $(REPLICAS),3) --kills $(or $(KILLS),200) --seed $(or $(SEED),1)

.PHONY: pi
pi: tools ## the real program on an emulated Raspberry Pi (QEMU), power cut 20 times, or CUTS=n SEED=n
	@tests/scripts/pi.sh
	$(CARGO) build --quiet --bins -p tram-ingest -p tram-tests
	@$(or $(CARGO_TARGET_DIR),target)/debug/tram-pi --parts $(or $(CARGO_TARGET_DIR),target)/pi \
		--cuts $(or $(CUTS),20) --seed $(or $(SEED),1)

.PHONY: deb
deb: tools ## the Debian package of a station for a Raspberry Pi (arm64), in target/debian
	@tests/scripts/deb.sh

.PHONY: crash-edge
crash-edge: tools ## a power cut at every byte of the spool, worlds of lost messages, 1000 kill -9 of nodes, or KILLS=n WORLDS=n EVERY=n SEED=n
	$(CARGO) build --quiet --bins -p tram-ingest -p tram-edge -p tram-tests
	@$(or $(CARGO_TARGET_DIR),target)/debug/tram-crash-edge --kills $(or $(KILLS),1000) \
		--worlds $(or $(WORLDS),1000) --every $(or $(EVERY),1) --seed $(or $(SEED),1)

.PHONY: crash-alerts
crash-alerts: tools ## kill -9 of the centre while it warns, 1000 times at the worst moments, or KILLS=n SEED=n OUTAGE=seconds
	$(CARGO) build --quiet --bins -p tram-ingest -p tram-edge -p tram-tests
	@$(or $(CARGO_TARGET_DIR),target)/debug/tram-crash-alerts --kills $(or $(KILLS),1000) --seed $(or $(SEED),1) --outage $(or $(OUTAGE),40)

.PHONY: fuzz
fuzz: tools ## every fuzz target for 10 s each, or SECONDS_EACH=n
	@tests/scripts/fuzz.sh $(or $(SECONDS_EACH),10)

.PHONY: clean
clean: ## remove what was built, and the demonstration's data folder
	rm -rf target data tests/fuzz/target $(WEB)/dist $(WEB)/node_modules
