# make chat   everything from a fresh clone to the open chat
# make test   everything that the tests need, then every test
# make check  style, types, and the fast tests
# make bench  the figures of the README (tests/benchmarks)

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help chat test check bench chromium clean

help:
	@sed -n 's/^# //p' Makefile

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Kotae needs Python 3.11 or newer: install python3.11 and run make again." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Kotae needs Python 3.11 or newer, and $(PYTHON) is older: install python3.11, or run make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@command -v cc >/dev/null || command -v gcc >/dev/null \
	  || { echo "Kotae's embedder is compiled where no ready-made one fits, and there is no C compiler: install gcc (Debian: apt-get install gcc python3-dev)." >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) \
	  || { echo "Python's venv module is missing: install python3-venv and run make again." >&2; exit 1; }

$(VENV)/installed: pyproject.toml $(VENV)/bin/python
	@echo "Installing Kotae …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml $(VENV)/bin/python
	@echo "Installing Kotae and what its tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/installed $@

chat: $(VENV)/installed
	@$(BIN)/kotae models pull
	@$(BIN)/kotae index --sample
	@$(BIN)/kotae serve

test: $(VENV)/installed-dev chromium
	@$(BIN)/kotae models pull small
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	# one process each: the browser's driver keeps an event loop of its own running
	$(BIN)/pytest
	$(BIN)/pytest -m live
	$(BIN)/pytest -m browser tests/browser
	$(BIN)/pytest -m browser tests/test_conversations.py

check: $(VENV)/installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	$(BIN)/pytest

bench: $(VENV)/installed-dev
	@$(BIN)/kotae models pull small && $(BIN)/kotae models pull
	$(BIN)/python -m tests.benchmarks indexing
	$(BIN)/python -m tests.benchmarks cost
	$(BIN)/python -m tests.benchmarks cost --model small
	$(BIN)/python -m tests.benchmarks answers
	$(BIN)/python -m tests.benchmarks answers --model small
	$(BIN)/python -m tests.benchmarks startup

# Debian's Chromium and a Japanese font, where they are missing and may be installed.
chromium:
	@sh tests/browser/install-chromium

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
