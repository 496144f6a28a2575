# make demo   the main job, as a story, on a PostgreSQL of its own
# make test   everything that must hold before a change lands
#
# Each sets up what it needs in .venv; nothing but Python 3.11 or newer has to be there.

PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

.PHONY: help demo test soak histories trust mutants fuzz audit bench lint fix schemas golden lock clean

help:
	@sed -n 's/^# make/make/p' Makefile

demo: .venv/demo
	@$(BIN)/reconcile demo

test: .venv/test lint
	$(BIN)/python -m pytest -n 2

# Publishers, tenants, two appliers and faults, for as long as one likes: MINUTES=30, SEED=1.
soak: .venv/test
	RECONCILE_DEPTH=deep $(BIN)/python -m tests.soak --minutes $(MINUTES) --seed $(SEED)

MINUTES ?= 30

# Random histories without faults, and workers killed at random moments.
histories: .venv/test
	RECONCILE_SOAK=$(HISTORIES) $(BIN)/python -m pytest tests/histories tests/fleet/test_fleet_workers.py

HISTORIES ?= 1000

# Every fault and bad input that something is promised about, in all variants; writes the table anew.
trust: .venv/test
	RECONCILE_DEPTH=deep $(BIN)/python -m pytest -n 2 -m shows --update-trust

# Hostile input of every kind, FUZZ of each, other ones every time; SEED repeats a run.
fuzz: .venv/test
	RECONCILE_FUZZ=$(FUZZ) RECONCILE_SEED=$(SEED) $(BIN)/python -m pytest -n 2 tests/fuzz

FUZZ ?= 1000
SEED := $(shell date +%s)

# Deliberate breakages of what keeps tenants' rows safe: each must make a test fail.
mutants: .venv/test
	@$(BIN)/python -m tests.mutants

# What things cost, as ratios, within minutes; TARGETS=1000 for a larger town.
bench: .venv/test
	$(BIN)/python -m tests.bench --targets $(TARGETS)

TARGETS ?= 300

# Known vulnerabilities of what is locked, where advisories can be asked.
audit: .venv/test
	@.ci/audit

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m reconciler.published --check

# What a change may need: formatting, the published schemas, the worked plans and golden files.
fix: .venv/test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: .venv/test
	$(BIN)/python -m reconciler.published

golden: .venv/test
	$(BIN)/python -m pytest -n 2 --update-golden

.venv/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ echo "This Python cannot make virtual environments (on Debian: apt install python3-venv)" >&2; \
		  rm -rf .venv; exit 1; }
	@touch $@

.venv/demo .venv/test: .venv/%: .venv/pip .ci/%.lock pyproject.toml
	@echo "Installing what make $* needs ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/$*.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# The locks record no address of any package index, only what was chosen and its hashes.
lock:
	uv pip compile --quiet $(COMPILE) --extra embedded pyproject.toml .ci/build.in -o .ci/demo.lock
	uv pip compile --quiet $(COMPILE) --extra embedded --extra dev pyproject.toml .ci/build.in \
		-c .ci/demo.lock -o .ci/test.lock

COMPILE := --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
