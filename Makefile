# Each target does its own set-up: a machine with Python 3.11 or newer, pip and make is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: setup demo test check bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    messages on a queue become invocations of a function, in a minute"
	@echo "make test    the whole test suite"
	@echo "make check   formatting, lint, types, import contracts"
	@echo "make bench   measurements, ours beside a bare loop and beside peers"
	@echo "make setup   only the virtual environment in $(VENV)"

setup: $(STAMP)

$(STAMP): pyproject.toml
	@echo "setting up $(VENV) (once; about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)
	@echo "ready: $(BIN)/pollerd"

demo: setup
	@$(BIN)/pollerd demo $(if $(KEEP),--keep)

# Most tests wait for servers and child processes, so more of them run side by side than there are processors; a file stays together.
WORKERS ?= 3
test: setup
	@$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile $(ARGS)

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup
	@$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/results
