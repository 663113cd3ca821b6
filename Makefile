PYTHON ?= python3

.PHONY: install test lint types layers demo build

install:
	$(PYTHON) -m pip install -e '.[dev]'

test:
	$(PYTHON) -m pytest

lint:
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) -m mypy

layers:
	lint-imports

demo:
	wenze demo

build:
	$(PYTHON) -m build
