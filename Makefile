# `make run` launches the quickstart, `make test` passes the tests. Both make .venv first; a second call installs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test ablation lint types layers check clean

run: $(STAMP)
	$(BIN)/ouroboros run recipes/quickstart.toml

ablation: $(STAMP)
	$(BIN)/ouroboros ablate recipes/vision-vs-json.toml --vary perception=json,vision --seeds 2

test: $(STAMP)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types layers

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ouroboros needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/ouroboros doctor --prepare
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
