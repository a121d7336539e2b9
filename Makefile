# Two commands: `make demo` runs the whole loop once, `make check` runs every check. Each sets itself up in .venv.
PYTHON ?= python3
ARGS ?=
NAME ?= train
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NODE := tests/clients/node

.DEFAULT_GOAL := help
.PHONY: help setup demo bench check format lint types imports test fuzz docs lock clean

help:
	@echo "make demo    the loop once, on a real model (ARGS=--json for one document)"
	@echo "make check   formatter, linter, strict types, import contracts, tests, the README's short commands"
	@echo "make fuzz    5,000 cases of schemathesis over the gateway's API"
	@echo "make bench   measure against a peer (NAME=train; ARGS=--json for one object)"
	@echo "make lock    renew lock/requirements.txt after a change of dependencies"

setup: $(READY)

# torch comes last and apart: its CPU build carries a local version that no lock can name.
$(READY): lock/requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r lock/requirements.txt >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $@

# The npm client that the gateway is tried with; where there is no npm, or no network for it, its tests skip.
$(NODE)/node_modules/.package-lock.json: $(NODE)/package-lock.json
	@if command -v npm >/dev/null; then \
	  (cd $(NODE) && npm ci --silent >/dev/null 2>&1 && touch node_modules/.package-lock.json) || echo "no npm client: its tests skip" >&2; \
	fi

# The reasoning extra builds one of its needs from source; where there is no C compiler, its tests skip.
$(VENV)/.reasoning: lock/reasoning.txt | $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $< >&2 \
	  || echo "no reasoning-gym: its tests skip" >&2
	@touch $@

demo: setup
	@$(BIN)/trimtab demo $(ARGS)

bench: setup
	@$(BIN)/python -m benchmarks.$(NAME) $(ARGS)

check: format lint types imports test docs

format: setup
	$(BIN)/ruff format --check .

lint: setup
	$(BIN)/ruff check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

test: setup $(VENV)/.reasoning $(NODE)/node_modules/.package-lock.json
	@log=$$(mktemp); nice -n 10 $(BIN)/pytest tests/train >$$log 2>&1 & train=$$!; \
	$(BIN)/pytest --ignore=tests/train; rest=$$?; wait $$train; train=$$?; cat $$log; rm -f $$log; exit $$((rest + train))

fuzz: setup
	TRIMTAB_CASES=5000 $(BIN)/pytest tests/serve/test_schemathesis.py -s

docs: setup
	$(BIN)/python tests/readme_commands.py README.md

lock:
	$(PYTHON) -m uv pip compile pyproject.toml lock/torch-needs.in --extra openvino --extra constrained --extra parquet --extra language --extra plot --extra sandbox --extra dev --universal --python-version 3.11 \
	  --generate-hashes --override lock/without-torch.txt --no-header --no-annotate --quiet -o lock/requirements.txt
	$(PYTHON) -m uv pip compile lock/reasoning.in -c lock/requirements.txt --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --quiet -o lock/reasoning.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
