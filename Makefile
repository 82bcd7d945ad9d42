# `make` lists the verbs. Python 3.11 or later and make are all that `run` and `test` need.

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
export PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help run test test-services test-browser check deploy-check deploy-lock format bench lock migration schema doctor clean

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Handset needs Python 3.11 or later."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python cannot make environments here; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing Python packages into $(VENV) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-dev.txt
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "handset_client.pth").write_text(str(pathlib.Path("clients/signing/python").resolve()))'
	@touch $@

run: $(VENV)/.installed  ## start everything on this machine, with demo data (PORT, default 8000)
	@$(PY) manage.py embedded

test: $(VENV)/.installed  ## the whole suite on SQLite
	@$(PY) -m pytest -n auto

test-services: $(VENV)/.installed  ## the suite on MariaDB with Redis and RabbitMQ, and on PostgreSQL
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@PY=$(PY) tests/services.sh

test-browser: $(VENV)/.installed  ## the pages in headless Chromium
	@$(PY) -m pytest tests/browser -m browser -p no:xdist

check: $(VENV)/.installed  ## format, lint, layers, types, schema, migrations, settings of a deployment
	@PY=$(PY) tests/check.sh

deploy-check:  ## what can be known of image, workflows, chart and alerts (Python, and npm or helm)
	@deploy/check.sh

format: $(VENV)/.installed  ## format the code
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .

bench: $(VENV)/.installed  ## what things cost, as ratios
	@for script in benchmarks/bench_*.py; do $(PY) $$script || exit 1; done

migration: $(VENV)/.installed  ## write a migration: make migration name=what_it_does
	@test -n "$(name)" || { echo "name it: make migration name=what_it_does"; exit 1; }
	@$(PY) manage.py makemigrations api --name $(name)

schema: $(VENV)/.installed  ## write docs/openapi.yaml and docs/errors.md anew
	@$(PY) manage.py spectacular --file docs/openapi.yaml --validate --fail-on-warn
	@$(PY) manage.py error_codes > docs/errors.md

doctor: $(VENV)/.installed  ## try every store and say what is wrong
	@$(PY) manage.py doctor

lock:  ## resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' pyproject.toml --group production -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock' pyproject.toml --group dev -o requirements-dev.txt

deploy-lock:  ## resolve the tools of deploy-check anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make deploy-lock' deploy/requirements-check.in -o deploy/requirements-check.txt

clean:  ## remove the environment and everything under var/
	rm -rf $(VENV) .venv-deploy var staticfiles
