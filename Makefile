# bootkeep: the only entrance. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Everything that this project writes lies below the checkout: tools in .venv, disposable hosts in .cache, results in out.
PYTHON ?= $(shell for p in /usr/bin/python3.11 python3.11 python3; do command -v $$p >/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
CACHE := .cache
export PIP_CACHE_DIR := $(CURDIR)/$(CACHE)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help setup system run kd fleet-demo fleet-faults test drills lint types bench docs wheels rpms clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- set-up -----------------------------------------------------------------------------------------------------------

setup: system $(VENV)/.ready ## install what the project needs: Debian packages, locked Python packages

system: ## install the Debian packages (only those that are missing)
	@./tools/debian-packages

$(VENV)/.ready: requirements/build.txt requirements/dev.txt pyproject.toml | system
	@echo "bootkeep: installing the locked Python packages into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements/build.txt
	@$(BIN)/python -m pip install -qq --require-hashes --no-build-isolation -r requirements/dev.txt
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	@touch $@

# --- the work ---------------------------------------------------------------------------------------------------------

run: setup wheels ## the main job: a disposable Debian host is made boot-safe and patched; reports and runbook land in out/
	@$(BIN)/python -m bootkeep.lab.demonstration --out out --cache $(CACHE)

kd: setup wheels rpms ## what happened to K.D., in real boots (QEMU): unprotected, protected, and by the runbook; results in out/kd
	@$(BIN)/python -m bootkeep.lab.kd --out out/kd --cache $(CACHE)

test: setup ## all tests, with real package managers in disposable hosts; a worker a core
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

fleet-demo: setup wheels rpms ## a real master with Debian, EL and SLES minions: highstate, transactions, timings, captures, pages in out/fleet
	@$(BIN)/python -m bootkeep.lab.fleet_demo --out out/fleet --cache $(CACHE)

fleet-faults: setup wheels ## a real master and minion are stopped, killed, flooded and run out of disk: no record lost, none twice
	@$(BIN)/python -m bootkeep.lab.fleet_faults --cache $(CACHE)

drills: setup ## the rescue commands of storage stacks, typed in emulated machines; half an hour or more, not part of make test
	@$(BIN)/python -m pytest tests/drills -m drill -s -n 0 -o faulthandler_timeout=7200

lint: $(VENV)/.ready ## ruff: rules and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.ready ## mypy, strict
	@$(BIN)/mypy

bench: setup ## side-by-side measurements; one part: python -m bench --only check
	@$(BIN)/python -m bench

docs: $(VENV)/.ready ## regenerate the reference pages and the man page from the code
	@$(BIN)/python docs/generate.py

rpms: setup ## the package bootkeep-hooks for the file server: what `bootkeep.hooks` installs on EL and SUSE
	@$(BIN)/python tools/build_rpms.py

wheels: setup ## wheels for the file server: what `bootkeep.install` puts into Salt's Python on a host
	@$(BIN)/python tools/build_wheels.py

clean: ## remove everything that was built or cached
	rm -rf $(VENV) $(CACHE) out build dist salt/bootkeep/files/wheels salt/bootkeep/files/rpms .mypy_cache .ruff_cache .pytest_cache .hypothesis
