# The recipes of the project; CI runs the same ones. Everything they need is installed by them.
PYTHON ?= python3
UV := .tools/bin/uv
BIN := .venv/bin
MELTANO := .tools/meltano/bin/meltano
# connectors.toml lists what we publish; sed reads it, since nothing is installed yet.
FOLDERS := $(shell sed -n 's/^\[\(.*\)\]$$/\1/p' connectors.toml)
PACKAGES := $(shell sed -n 's/^package = "\(.*\)"$$/\1/p' connectors.toml)
DISTRIBUTIONS := $(shell sed -n 's/^distribution = "\(.*\)"$$/\1/p' connectors.toml)
# Tests at once: one more than there are cores, since many wait for processes and for retries.
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal

export UV_PYTHON_DOWNLOADS := never
# Compiled once, not at every start of every process of the tests.
export UV_COMPILE_BYTECODE := 1
export PYTHONDONTWRITEBYTECODE :=
export MELTANO_SEND_ANONYMOUS_USAGE_STATS := false
export MELTANO_CLI_DISABLE_VERSION_CHECK := true

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow bench bench-mixpanel bench-growth bench-order bench-compression soak audit lint types imports format docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.installed $(MELTANO) .meltano/.current ## Move bundled sample exports into stand-ins for all three, without any key
	MELTANO=$(abspath $(MELTANO)) $(BIN)/python -m demo

test: .venv/.installed $(MELTANO) .meltano/.current ## Run the tests, several at once (JOBS=)
	MELTANO=$(abspath $(MELTANO)) $(PYTEST) -m "not slow"

test-slow: .venv/.installed $(MELTANO) .meltano/.current .tools/warehouse/.installed ## Run the heavier tests, and tests of properties with all their examples
	THOROUGH=1 MELTANO=$(abspath $(MELTANO)) $(PYTEST) -m "slow or hypothesis"

bench: .venv/.installed $(MELTANO) .tools/bench/.installed .tools/bench-node/.installed ## Measure speed and memory beside peers and a floor, in one run (N=, ROUNDS=)
	MELTANO=$(abspath $(MELTANO)) $(BIN)/python -m bench $(if $(N),--events $(N)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-mixpanel: .venv/.installed .tools/bench-node/.installed ## Measure reading a Mixpanel project and bringing it to Amplitude (N=, ROUNDS=)
	$(BIN)/python -m bench.from_mixpanel $(if $(N),--events $(N)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-growth: .venv/.installed ## Measure what an event costs among five million and as many people as come with them (N=, ONLY=)
	$(BIN)/python -m bench.growth $(if $(N),--events $(N)) $(if $(ONLY),--only '$(ONLY)')

bench-order: .venv/.installed ## Measure what it costs the tap to put an hour in order (ORDER="--memory --rows 4000000")
	$(BIN)/python -m bench.order $(ORDER)

bench-compression: .venv/.installed ## Measure gzip and zstd on the bodies for PostHog (COMPRESSION="--events 100000")
	$(BIN)/python -m bench.compression $(COMPRESSION)

soak: .venv/.installed ## Send five million events at a fault rate of 1 %, printing memory (SOAK="--target mixpanel --batch")
	$(BIN)/python -m bench.soak $(SOAK)

lint: .venv/.installed ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.installed ## Check types
	$(BIN)/mypy $(PACKAGES:%=--package %)

imports: .venv/.installed ## Check that imports go one way
	$(BIN)/python -m tools.contracts

format: .venv/.installed ## Mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.installed ## Write the generated pages and settings tables anew
	$(BIN)/python -m tools.definitions
	$(BIN)/python -m tools.readme
	$(BIN)/python -m tools.mapping_page

lock: $(UV) ## Pin dependencies anew
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.10 --no-emit-index-url --no-annotate --no-header \
	  $(DISTRIBUTIONS:%=--no-emit-package %) \
	  requirements-dev.in $(FOLDERS:%=%/pyproject.toml) --output-file constraints.txt
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.10 --no-emit-index-url --no-annotate --no-header \
	  requirements-tools.in --output-file constraints-tools.txt
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.10 --no-emit-index-url --no-annotate --no-header \
	  tests/warehouse/requirements.in --output-file tests/warehouse/constraints.txt

audit: $(UV) ## Ask the index for known vulnerabilities of what is pinned
	$(UV) tool run --constraint constraints-tools.txt pip-audit --strict --vulnerability-service osv --disable-pip --no-deps --progress-spinner off --requirement constraints.txt
	$(UV) tool run --constraint constraints-tools.txt pip-audit --strict --vulnerability-service osv --disable-pip --no-deps --progress-spinner off --requirement constraints-tools.txt

clean: ## Remove what the recipes made
	rm -rf .venv .tools .meltano .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(UV): constraints-tools.txt
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-tools.txt uv
	@touch $@

.venv/.installed: $(UV) constraints.txt requirements-dev.in connectors.toml $(FOLDERS:%=%/pyproject.toml)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip install --quiet --python .venv --constraint constraints.txt --requirement requirements-dev.in $(FOLDERS:%=--editable ./%)
	@touch $@

# A peer that cannot be installed is left out of the bench, which says so.
.tools/bench/.installed: $(UV) bench/peers/constraints.txt
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .tools/bench
	$(UV) pip install --quiet --python .tools/bench --constraint bench/peers/constraints.txt posthog && touch $@ || echo "posthog: not installed"

.tools/bench-node/.installed: bench/peers/package.json
	@mkdir -p $(@D)
	cp bench/peers/package.json $(@D)
	npm install --prefix $(@D) --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error && touch $@ || echo "mixpanel-import: not installed"

# Loaders and taps of others that the slow tests send rows through.
.tools/warehouse/.installed: $(UV) tests/warehouse/requirements.in tests/warehouse/constraints.txt
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .tools/warehouse
	$(UV) pip install --quiet --python .tools/warehouse --constraint tests/warehouse/constraints.txt --requirement tests/warehouse/requirements.in
	@touch $@

$(MELTANO): $(UV) constraints-tools.txt
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .tools/meltano
	$(UV) pip install --quiet --python .tools/meltano --constraint constraints-tools.txt meltano
	@touch $@

# Meltano installs a plugin once: it does not see that the plugin's scripts or requirements changed.
.meltano/.current: $(FOLDERS:%=%/pyproject.toml)
	rm -rf .meltano/extractors .meltano/loaders
	@mkdir -p $(@D)
	@touch $@
