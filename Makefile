# Everything here works on a fresh machine with Python 3.11 or newer, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The tested versions of all dependencies, of dependencies too. `make lock` writes them.
LOCKED := constraints.txt
PIP := -m pip --disable-pip-version-check
WORKERS ?= 2
# One BLAS thread a process: the test workers share the cores. Modules are compiled once, not by every server that a
# test starts, also where the environment says otherwise.
TEST_ENVIRONMENT := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=
# Tests that take five seconds or more each of processes that they start, which `make test` leaves to `make slow`; some
# need Node and Chromium.
SLOW := tests/acceptance tests/examples tests/soak tests/durability/test_kills.py tests/durability/test_services.py \
	tests/edge/testing/test_marker.py tests/edge/console/test_in_browser.py tests/shop/test_in_browser.py \
	tests/site tests/teaching

.DEFAULT_GOAL := help
.PHONY: help demo run test lint check slow fuzz crash soak test-oldest audit lock bench pages site clean

help:  ## print this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml $(LOCKED)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV), once; this takes a minute or two"
	@$(PYTHON) -m venv $(VENV) || { echo "this Python cannot make virtual environments: install its venv package (python3-venv), or choose another with make PYTHON=..." >&2; exit 1; }
	@$(BIN)/python $(PIP) install -qq --constraint $(LOCKED) --editable '.[dev]'
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
	@$(TEST_ENVIRONMENT) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(SLOW:%=--ignore %)

slow: $(STAMP)  ## whole paths: MovieLens, examples, servers that are killed, browsers, long use
	@$(TEST_ENVIRONMENT) $(BIN)/python -m pytest -n $(WORKERS) $(SLOW)

fuzz: $(STAMP)  ## 100,000 odd requests; mixed requests with and without remembered answers
	@$(TEST_ENVIRONMENT) $(BIN)/python -m tests.fuzz.campaign
	@$(TEST_ENVIRONMENT) $(BIN)/python -m tests.fuzz.remembered_answers

crash: $(STAMP)  ## kill a server with a data directory 500 times, and fail each call to the disk; look for every change it had answered
	@EVERY_DISK_FAULT=1 $(TEST_ENVIRONMENT) $(BIN)/python -m pytest -n $(WORKERS) tests/durability/test_faults.py
	@$(TEST_ENVIRONMENT) $(BIN)/python -m tests.durability.crash

soak: $(STAMP)  ## ten minutes of calls over 64 connections, with trainings, imports and deletions; nothing may grow
	@$(TEST_ENVIRONMENT) $(BIN)/python -m tests.soak

# Environments of their own, inside that of the project, so that `make clean` removes them and nothing looks into them.
OLDEST := $(VENV)/oldest
AUDIT := $(VENV)/audit
LOCK := $(VENV)/lock

test-oldest:  ## the tests of the moto adapter with the oldest moto that pyproject.toml allows
	@$(PYTHON) -m venv --clear $(OLDEST)
	@oldest=$$(sed -n 's/^ *"moto\[.*>=\([0-9.]*\).*/\1/p' pyproject.toml | sort -V | head -n 1); \
	{ grep -v '^moto==' $(LOCKED); echo "moto==$$oldest"; } > $(OLDEST)/constraints.txt; \
	echo "Testing with moto $$oldest"
	@$(OLDEST)/bin/python $(PIP) install -qq --constraint $(OLDEST)/constraints.txt --editable '.[dev]'
	@$(TEST_ENVIRONMENT) $(OLDEST)/bin/python -m pytest -p no:cacheprovider tests/edge/moto_adapter

audit:  ## known vulnerabilities of the locked versions; asks pypi.org
	@$(PYTHON) -m venv --clear $(AUDIT)
	@$(AUDIT)/bin/python $(PIP) install -qq pip-audit
	@$(AUDIT)/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off --requirement $(LOCKED) || \
	{ echo "make audit failed: see above. Where pypi.org cannot be reached (not found, no connection), nothing was checked." >&2; exit 1; }

lock:  ## resolve all dependencies anew; use the oldest supported Python, so that all can install the versions
	@$(PYTHON) -m venv --clear $(LOCK)
	@$(LOCK)/bin/python $(PIP) install -qq '.[dev]'
	@{ echo "# Tested versions of all dependencies: written by \`make lock\`, used by make, CI and the image."; \
	$(LOCK)/bin/python $(PIP) freeze --exclude personalize-emu; } > $(LOCKED).new
	@mv $(LOCKED).new $(LOCKED)

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

site: $(STAMP)  ## build the documentation as a website into site/; every warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Built site/; look at it with: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site"

clean:  ## remove the virtual environment and all caches
	rm -rf $(VENV) dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find personalize_emu tests benchmarks docs examples -name __pycache__ -prune -exec rm -rf {} +
