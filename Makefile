# The commands of this project. What they need and the machine lacks is installed first.

CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help serve test faults fuzz fuzz-targets fuzz-parsers bench fmt lint openapi

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

serve: ## Install what is missing, build, run on http://127.0.0.1:18890
	@deploy/install.sh serve
	@echo "Building Baton; the first build takes several minutes."
	@$(CARGO) run --release --locked -p baton -- serve

# The library of the fuzz targets, without libFuzzer and its C++. It takes its dependencies from
# the build of the workspace.
FUZZ_LIBRARY = --manifest-path tests/fuzz/Cargo.toml --lib --no-default-features --locked \
	--target-dir $(or $(CARGO_TARGET_DIR),target)

test: ## Install what is missing, check the format, run every test and the linter
	@deploy/install.sh test
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path tests/fuzz/Cargo.toml --check
	@# The black-box tests run the binary, which cargo does not build for other packages.
	$(CARGO) build --workspace --bins --locked
	@# Tests wait as much as they compute: one more at once than a small machine has processors.
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(nproc) + 1))} $(CARGO) test --workspace --locked
	$(CARGO) test $(FUZZ_LIBRARY)
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy $(FUZZ_LIBRARY) --tests -- -D warnings

ROUNDS ?= 200
FROM ?= 0
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')

faults: ## Run 200 rounds of faults under load, a rebuild beside load, and claimers that stop and die (ROUNDS= SEED= FROM=)
	@deploy/install.sh test
	$(CARGO) build --release --locked -p baton
	$(CARGO) run --release --locked -p baton-faults -- --rounds $(ROUNDS) --from $(FROM) --seed $(SEED)
	$(CARGO) run --release --locked -p baton-faults -- --rebuild --log target/faults-rebuild.log
	$(CARGO) run --release --locked -p baton-faults -- --queue --seed $(SEED) --log target/faults-queue.log

EXAMPLES ?= 200

fuzz: ## Try every operation with made-up requests for about an hour (EXAMPLES= SEED=)
	@deploy/install.sh test
	@# What does not compile is told now, not in an hour.
	@$(MAKE) --no-print-directory fuzz-targets
	$(CARGO) build --locked -p baton
	BATON_FUZZ_SEED=$(SEED) BATON_FUZZ_EXAMPLES=$(EXAMPLES) \
		$(CARGO) test --locked -p baton-it --test it openapi::every_operation -- --nocapture
	@$(MAKE) --no-print-directory fuzz-parsers

CARGO_FUZZ = target/tools/bin/cargo-fuzz
# Without a sanitizer the stable compiler will do.
FUZZ_BUILD = --fuzz-dir tests/fuzz --sanitizer none --target-dir target/fuzz/build
PARSER_SECONDS ?= 600

$(CARGO_FUZZ):
	$(CARGO) install cargo-fuzz --version =0.13.2 --locked --root target/tools

fuzz-targets:
	@deploy/install.sh fuzz
	@$(MAKE) --no-print-directory $(CARGO_FUZZ)
	$(CARGO_FUZZ) build $(FUZZ_BUILD)

# What crashed lies in target/fuzz/found.
fuzz-parsers: fuzz-targets ## Try made-up input on the parsers (PARSER_SECONDS= for each)
	@mkdir -p target/fuzz/found
	for target in requests events; do \
		mkdir -p target/fuzz/corpus/$$target && \
		$(CARGO_FUZZ) run $$target target/fuzz/corpus/$$target $(FUZZ_BUILD) -- -max_len=16384 \
			-max_total_time=$(PARSER_SECONDS) -artifact_prefix=target/fuzz/found/$$target- \
			|| exit 1; \
	done

BENCH_SECONDS ?= 10
BENCH_WINDOWS ?= 3
BENCH_ONLY ?=
BENCH_OUT ?= target/bench.json

bench: ## Measure Baton beside pgbench (BENCH_SECONDS= BENCH_WINDOWS= BENCH_ONLY=KEY,.. BENCH_OUT=)
	@deploy/install.sh test
	$(CARGO) build --release --locked -p baton
	$(CARGO) run --release --locked -p baton-load -- --seconds $(BENCH_SECONDS) \
		--windows $(BENCH_WINDOWS) --out $(BENCH_OUT) $(if $(BENCH_ONLY),--only $(BENCH_ONLY))

fmt: ## Format the code
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path tests/fuzz/Cargo.toml

lint: ## Check format and lints
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path tests/fuzz/Cargo.toml --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy $(FUZZ_LIBRARY) --tests -- -D warnings

openapi: ## Write openapi/baton.json from the code
	@mkdir -p openapi
	@$(CARGO) run --locked -p baton -- openapi > openapi/baton.json.new
	@mv openapi/baton.json.new openapi/baton.json
