# Everything works on a fresh checkout: the environment, uv included, is made in .venv from the hashed locks.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
WORKERS ?= 2

.PHONY: help up test check fmt bench docs soak compiled system lock wheel

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

up: compiled  ## start Tocsin from this checkout (ARGS="--config FILE --port 8420 ...")
	$(BIN)/tocsin up $(ARGS)

test: $(VENV)/.dev compiled system  ## all checks and tests but the long ones
	$(MAKE) --no-print-directory check
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

check: $(VENV)/.dev  ## lint, types, layers, and the rules of the repository
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/rules

fmt: $(VENV)/.dev  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: $(VENV)/.dev compiled system  ## the long tests: storms, sweeps, a second cluster
	$(BIN)/pytest -m soak --timeout 3600

bench: $(VENV)/.dev compiled system  ## measure, and print one table: ours, the peer's, the ratio
	$(BIN)/python -m bench

docs: $(VENV)/.dev  ## write the parts of docs/ that come from the code
	$(BIN)/python tools/document.py

wheel: $(VENV)/.dev  ## build the wheel into dist/
	$(UV) build --wheel --no-build-isolation --python $(BIN)/python -o dist .

lock: $(UV)  ## resolve the dependencies anew (LOCK=--upgrade takes the newest)
	$(UV) pip compile --quiet $(LOCK) --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  pyproject.toml -o requirements.lock
	$(UV) pip compile --quiet $(LOCK) --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  -c requirements.lock pyproject.toml --group dev -o requirements-dev.lock

# Compiled before the first start: where Python may not write its caches, each start would do it anew, for a second.
compiled: $(VENV)/.run
	@$(BIN)/python -m compileall -q -j 0 src

system:  ## programs of the system that the tests drive (installed when we are root)
	@.ci/system

$(UV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# The run environment is what a user gets; the dev environment adds what tests and checks need, and counts as both.
$(VENV)/.run: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --build-constraints requirements-dev.lock -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(VENV)/.run $@
