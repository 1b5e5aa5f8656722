# Glance: `make run` is all that is needed to start; `make test` checks everything.

PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input

.PHONY: run test hostile demo lint format bench audit clean
.DEFAULT_GOAL := run

run: $(VENV)/ready
	@exec $(VENV)/bin/python app.py

demo: $(VENV)/ready
	@exec $(VENV)/bin/python -m glance.demo

test: $(VENV)/ready-dev
	@scripts/system-parts mosquitto chromium
	@$(MAKE) --no-print-directory lint
	$(VENV)/bin/python -m pytest -q -n 2 --dist loadfile

# `make test` tries some hostile strings in every field; this tries all of them in all.
hostile: $(VENV)/ready-dev
	@scripts/system-parts mosquitto chromium
	$(VENV)/bin/python -m tests.e2e.hostile_round

lint: $(VENV)/ready-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/ready-dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(VENV)/ready-dev
	@scripts/system-parts mosquitto chromium
	$(VENV)/bin/python -m bench

# Known holes in what is pinned, as PyPI tells them; asks pypi.org, so it is no part of `make test`.
audit: $(VENV)/made
	@$(PIP) pip-audit==2.10.1
	$(VENV)/bin/pip-audit --strict -r requirements.txt -r requirements-dev.txt --no-deps --disable-pip

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/made:
	@scripts/make-venv "$(PYTHON)" $(VENV)
	@touch $@

$(VENV)/ready: requirements.txt $(VENV)/made
	@echo "Installing what Glance runs on …"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/ready-dev: requirements-dev.txt requirements.txt $(VENV)/made
	@echo "Installing what the tests need …"
	@$(PIP) -r requirements-dev.txt
	@touch $@
