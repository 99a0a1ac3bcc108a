# Everything here works on a fresh machine with Python 3.11 or newer, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
# One BLAS thread a process: the test workers share the cores. Modules are compiled once, not by every server that a
# test starts, also where the environment says otherwise.
TEST_ENVIRONMENT := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

.DEFAULT_GOAL := help
.PHONY: help demo run test lint check fuzz crash bench pages clean

help:  ## print this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV), once; this takes a minute or two"
	@$(PYTHON) -m venv $(VENV) || { echo "this Python cannot make virtual environments: install its venv package (python3-venv), or choose another with make PYTHON=..." >&2; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)  ## the whole path through boto3 on bundled data, step by step
	@$(BIN)/personalize-emu demo

run: $(STAMP)  ## serve on http://127.0.0.1:4577 until interrupted
	@$(BIN)/personalize-emu serve

test: $(STAMP)  ## everything CI runs: lint and check at the same time, what lint says below
	@$(MAKE) -s lint > $(VENV)/lint.log 2>&1 & lint=$$!; \
	$(MAKE) -s check; checked=$$?; \
	wait $$lint; linted=$$?; \
	cat $(VENV)/lint.log; \
	exit $$((checked + linted))

lint: $(STAMP)  ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/mypy

check: $(STAMP)  ## the tests alone, on WORKERS processes
	@$(TEST_ENVIRONMENT) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

fuzz: $(STAMP)  ## 100,000 odd requests; mixed requests with and without remembered answers
	@$(TEST_ENVIRONMENT) $(BIN)/python -m tests.fuzz.campaign
	@$(TEST_ENVIRONMENT) $(BIN)/python -m tests.fuzz.remembered_answers

crash: $(STAMP)  ## kill a server with a data directory 500 times; look for every change it had answered
	@$(TEST_ENVIRONMENT) $(BIN)/python -m tests.durability.crash

bench: $(STAMP)  ## start-up, serving and training times
	@$(BIN)/python -m benchmarks.startup
	@$(BIN)/python -m benchmarks.memory
	@$(BIN)/python -m benchmarks.serving
	@$(BIN)/python -m benchmarks.stalled
	@$(BIN)/python -m benchmarks.first_answers
	@$(BIN)/python -m benchmarks.training
	@$(BIN)/python -m benchmarks.scale
	@$(BIN)/python -m benchmarks.filters
	@$(BIN)/python -m benchmarks.batch

pages: $(STAMP)  ## write the generated tables of the documentation again
	@$(BIN)/python -m docs.generate

clean:  ## remove the virtual environment and all caches
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find personalize_emu tests benchmarks docs -name __pycache__ -prune -exec rm -rf {} +
