# Everything a developer or a curious administrator runs. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

FUZZ_S ?= 60
# the tests start some two hundred daemons: each would compile our own code anew, half a second of two
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv rig demo test chaos fuzz bench lint messages docs format constraints deb deb-check clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

venv: $(STAMP)  ## .venv with the `dialer` command and the development tools

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || tests/rig/packages.sh
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

rig: venv  ## packages, Asterisk (built once into the cache folder) and SIPp for demo and tests
	@tests/rig/packages.sh
	@tests/rig/asterisk_root.sh

demo: rig  ## the main job: 40 numbers, a polling, a real Asterisk, the web console; DEMO_STAY=1 keeps it until Ctrl-C
	@$(BIN)/python -m tests.rig.demo

test: rig lint  ## all tests: unit, store, API, and calls through the real Asterisk
	@tests/rig/prometheus.sh >/dev/null
	$(BIN)/python -m pytest -n 4 -m "not alone" --ignore=tests/calls --ignore=tests/chaos
	# calls wait more than they work: one process more; tests/calls/conftest.py puts first what takes longest
	$(BIN)/python -m pytest -n 5 -m "not alone" --dist loadfile --no-loadscope-reorder tests/chaos tests/calls
	$(BIN)/python -m pytest -m alone tests/store tests/calls tests/api

chaos: rig  ## a quarter of an hour of kills, cuts and a full disk amid calls; CHAOS_SEED=… repeats, CHAOS_ROUNDS=9
	@$(BIN)/python -m tests.chaos.chaos

fuzz: venv  ## parsers of AGI, AMI and lists against made-up bytes, led by coverage; FUZZ_S=600 for each of the three
	@PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check atheris==3.0.0
	@for target in agi ami sheets; do $(BIN)/python -m tests.fuzz.atheris_targets $$target $(FUZZ_S) || exit 1; done

# What the Debian package runs with, where it is new enough: an interpreter that was compiled without optimizations, as
# pyenv does it, takes half as long again.
SYSTEM_PYTHON = $(shell /usr/bin/python3 -c 'import sys; print("/usr/bin/python3" * (sys.version_info >= (3, 11)))' 2>/dev/null)
BENCH_PYTHON = $(or $(if $(filter file,$(origin PYTHON)),$(SYSTEM_PYTHON)),$(PYTHON))

bench:  ## the daemon against the limits of Asterisk, SQLite and Python; an hour; BENCH="calls lists" some of it, SHORT=1 a try
	@$(MAKE) --no-print-directory rig VENV=.venv-bench PYTHON=$(BENCH_PYTHON)
	@.venv-bench/bin/python -m bench $(BENCH) $(if $(SHORT),--short)

lint: venv  ## ruff, mypy, bandit, and known vulnerabilities of the libraries
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive dialer agi
	$(BIN)/python -m tests.lint.audit

messages: venv  ## bring the Russian catalogue of the commands up to date, and compile it
	$(BIN)/python -m tests.lint.messages

docs: venv  ## the documentation in Russian and English, into .site/ (open .site/index.html, or serve it for the search)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --config-file docs/mkdocs.yml

format: venv  ## let ruff format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints: venv  ## write the installed versions into constraints.txt
	@{ head -1 constraints.txt; $(BIN)/pip freeze --exclude-editable; \
	   grep -E '^(setuptools|audioop-lts)==' constraints.txt; } > constraints.new && mv constraints.new constraints.txt

deb:  ## a Debian package in dist/, with the libraries in it
	@[ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || tests/rig/packages.sh
	@systemd/debian/build.sh

deb-check: rig  ## build it, install it into a fresh Debian 12, set up, run, remove, purge; some minutes, once 1 GB
	@$(BIN)/python -m tests.rig.deb_check

clean:  ## remove what make has made here (the Asterisk root in the cache folder stays)
	rm -rf $(VENV) .venv-bench dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz .site .screenshots .bench
