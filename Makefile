# make run   the demo host on loopback ports          make test   everything, with real peers (TESTS=tests.x: these)
# make check the gates: style, types, imports, news   make soak   the long loops

PYTHON ?= python3
VENV ?= .venv
TESTS ?=
BIN := $(VENV)/bin
SOURCES := setup.cfg pyproject.toml README.rst $(shell find mailtwist twisted tap-examples -name '*.py' -o -name '*.ini')

.PHONY: run test check soak fmt docs bench peers metadata clean

run: $(BIN)/.run
	$(BIN)/mailtwist demo

test: $(BIN)/.dev metadata peers
	PYTHONPATH=. $(BIN)/python .ci/parts.py $(TESTS)

check: $(BIN)/.dev metadata
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --config setup.cfg --no-cache
	$(BIN)/towncrier build --draft --version next >/dev/null
	PYTHONPATH=. $(BIN)/python docs/rfcs.py --check

soak: $(BIN)/.dev metadata peers
	SOAK=$${SOAK:-full} PYTHONPATH=. $(BIN)/python -m twisted.trial --temp-directory=_trial_temp_soak tests.soak

fmt: $(BIN)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(BIN)/.dev metadata
	PYTHONPATH=. $(BIN)/python docs/pages.py

bench: $(BIN)/.bench metadata
	PYTHONPATH=. $(BIN)/python -m bench

$(BIN)/.bench: $(BIN)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[bench]'
	@touch $@

# What the tests need of the machine: installed as root on Debian, named otherwise.
peers:
	@bash .ci/peers

# The entry points of setup.cfg, seen by tests that run from the checkout.
metadata: $(BIN)/.dev
	@$(BIN)/python -c "from setuptools import setup; setup()" --quiet egg_info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(BIN)/.run: $(BIN)/python $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check .
	@touch $@

$(BIN)/.dev: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	@touch $@

clean:
	rm -rf build dist *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis
