# Each target makes its own .venv from Python 3.11 or later, pip and the network, once per change of pyproject.toml.
#   make demo    a real MRI scan through the library, and a picture of it in demo-output/
#   make test    every example, law and doctest; the last line is pytest's own summary
#                (TESTS=folder for a part, JOBS=2 for two processes, ARGS for more options)
#   make lint    ruff, formatting, strict types, import contracts
#   make bench   the figures of the README against the tensorstore and zarr wheels
#   make soak    the long runs: crashes, faults and model machines for hours

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
JOBS   ?= 0
TESTS  ?= src tests $(wildcard property_tests)
RUN    := $(VENV)/bin/python

.PHONY: demo test lint bench soak clean
.DEFAULT_GOAL := test

demo: $(VENV)/.demo
	@$(RUN) -m benchmarks.demo $(ARGS)

test: $(VENV)/.test
	@$(RUN) -m pytest --doctest-modules -n $(JOBS) $(TESTS) $(ARGS)

lint: $(VENV)/.test
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@PYTHONPATH=src $(VENV)/bin/lint-imports

bench: $(VENV)/.test
	@$(RUN) -m benchmarks $(ARGS)

soak: $(VENV)/.test
	@TEGULA_SOAK=1 $(RUN) -m pytest -m soak --timeout 0 tests $(wildcard property_tests) $(ARGS)

# zarr 2 has the N5 store that zarr 3 has not: tests/formats/test_n5_zarr2.py, by choice
.venv-zarr2:
	@$(PYTHON) -m venv $@
	@$@/bin/python -m pip install --quiet --disable-pip-version-check 'zarr<3' || { rm -rf $@; exit 1; }

clean:
	rm -rf $(VENV) .venv-zarr2 demo-output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# Debian ships venv without ensurepip unless python3-venv is installed; the system's pip can fill a bare one.
$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "tegula needs Python 3.11 or later; name one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	  $(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --quiet --python $(RUN) install pip; \
	else \
	  echo "This Python has neither ensurepip nor pip. On Debian: apt-get install python3-venv" >&2; exit 1; \
	fi || { rm -rf $(VENV); exit 1; }

$(VENV)/.demo: pyproject.toml | $(RUN)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[demo,peers]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(RUN)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/.demo
