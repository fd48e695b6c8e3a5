# make demo    a virtual environment, the package in it, and the demonstration
# make test    the same environment with the test tools, and every check there is
#
# PYTHON names the interpreter to begin with, VENV the environment's folder. Without make:
# README.md, "Two commands", has the same steps as plain pip lines.

PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

# A process for every core, up to four: each holds torch and a network in memory.
PYTEST_OPTIONS ?= -n auto --maxprocesses=4 --durations=15

.PHONY: demo test picture docs

demo: $(VENV)/.installed
	$(BIN)/pointillist demo

# One thread in each process: with as many processes as cores, more would only queue.
test: export OMP_NUM_THREADS = 1
test: $(VENV)/.installed-dev
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

# The picture in the README is the demonstration's.
picture: demo
	cp demo/side-by-side.jpg docs/images/demo.jpg

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/make_options.py
	$(BIN)/python -m mkdocs build --strict

# Empty files in the environment say what is installed, and that it is newer than pyproject.toml.
$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade pip
	touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install --editable ".[all]"
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --editable ".[all,dev]"
	touch $@
