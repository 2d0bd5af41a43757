# The commands of this project. What they need and the machine lacks is installed first.

CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help serve test faults fmt lint openapi

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

serve: ## Install what is missing, build, run on http://127.0.0.1:18890
	@deploy/install.sh serve
	@echo "Building Baton; the first build takes several minutes."
	@$(CARGO) run --release --locked -p baton -- serve

test: ## Install what is missing, check the format, run every test and the linter
	@deploy/install.sh test
	$(CARGO) fmt --all --check
	@# The black-box tests run the binary, which cargo does not build for other packages.
	$(CARGO) build --workspace --bins --locked
	$(CARGO) test --workspace --locked
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

ROUNDS ?= 200
FROM ?= 0
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')

faults: ## Run 200 rounds of faults under load, and a rebuild beside load (ROUNDS= SEED= FROM=)
	@deploy/install.sh test
	$(CARGO) build --release --locked -p baton
	$(CARGO) run --release --locked -p baton-faults -- --rounds $(ROUNDS) --from $(FROM) --seed $(SEED)
	$(CARGO) run --release --locked -p baton-faults -- --rebuild --log target/faults-rebuild.log

fmt: ## Format the code
	$(CARGO) fmt --all

lint: ## Check format and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

openapi: ## Write openapi/baton.json from the code
	@mkdir -p openapi
	@$(CARGO) run --locked -p baton -- openapi > openapi/baton.json.new
	@mv openapi/baton.json.new openapi/baton.json
