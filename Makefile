# make demo: from a fresh clone to a trained, scored and evaluated process reward model, with a report.
# make test: the environment and all tests.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
# Python compiles what is imported, a small part of what is installed, when it is first imported.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt

.PHONY: demo test lint clean

demo: $(VENV)/core.stamp
	$(BIN)/python -m third_party.fetch smollm2-135m
	$(BIN)/python -m experiments.demo --config=configs/demo.py --workdir=runs/demo

test: $(VENV)/test.stamp
	$(BIN)/python -m third_party.fetch smollm2-135m
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy prm_jax experiments third_party

$(VENV)/core.stamp: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) -e .
	touch $@

# What the tests need holds all that the demo needs, so it is installed at once.
$(VENV)/test.stamp: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) -e '.[test]'
	touch $(VENV)/core.stamp $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
