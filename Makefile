# Each target sets itself up: Python 3.11 or newer and make are all it needs.
#
#   make demo                     the demonstration, on jax, torch and tensorflow
#   make demo BACKENDS=jax        the same with only these installed (a comma or space list)
#   make test PYTEST_ARGS="-k x"  the tests, in two processes
#   make lint                     style, types, arrows between rooms, size budget
#   make bench                    the benchmarks, against keras and native loops
#   make tfjs                     exports read back by TensorFlow.js, whose converter has an environment of its own (needs node)
#   make clean                    caches and build outputs (the environment in .venv stays)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL: # two pips in one environment get in each other's way

ALL_BACKENDS := jax torch tensorflow
BACKENDS ?= $(ALL_BACKENDS)
PYTEST_ARGS ?=
VENV ?= .venv

comma := ,
backends := $(subst $(comma), ,$(BACKENDS))
unknown := $(filter-out $(ALL_BACKENDS),$(backends))
ifneq ($(unknown),)
$(error BACKENDS has no '$(unknown)': choose among $(ALL_BACKENDS))
endif
ifeq ($(strip $(backends)),)
$(error BACKENDS is empty: choose among $(ALL_BACKENDS))
endif

BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
everything := $(addprefix $(STAMPS)/,$(ALL_BACKENDS) dev)

export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test lint bench tfjs clean

demo: $(addprefix $(STAMPS)/,$(backends) demo)
	$(BIN)/python examples/digits.py --backends $(backends)

test: $(everything)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

lint: $(everything)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/budget.py

bench: $(everything)
	$(BIN)/python benchmarks/run.py

TFJS := $(VENV)/tfjs

tfjs: $(everything) $(TFJS)/.installed
	$(BIN)/python -m tests.export.tfjs.check $(TFJS)

# ydf, which the converter imports, needs a newer protobuf than the TensorFlow it asks for admits.
$(TFJS)/.installed:
	$(PYTHON) -m venv $(TFJS)
	$(TFJS)/bin/python -m pip install --quiet --disable-pip-version-check tensorflowjs==4.22.0
	$(TFJS)/bin/python -m pip install --quiet --disable-pip-version-check 'protobuf==7.36.2' 2>/dev/null
	npm install --silent --prefix $(TFJS) @tensorflow/tfjs@4.22.0
	touch $@

clean:
	rm -rf build dist .pytest_cache .ruff_cache .import_linter_cache src/*.egg-info
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# --------------------------------------------------------------------------------------------------------- environment

# The first interpreter on the path that is new enough, unless PYTHON names one.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer on the path: name one with PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One stamp an extra, so that `make demo BACKENDS=jax` installs jax alone and `make test` later adds the rest.
$(STAMPS)/%: pyproject.toml constraints.txt | $(BIN)/python
	$(before-$*)
	$(PIP_INSTALL) -c constraints.txt -e '.[$*]'
	@mkdir -p $(STAMPS) && touch $@

# By exact version and on its own, torch resolves to a CPU wheel wherever pip is configured with one.
before-torch = $(PIP_INSTALL) torch==2.13.0
