# make setup      .venv from the lock
# make reproduce  set-up, then every table and figure: snakemake --cores all
# make smoke      the smoke profile, every rule once
# make samples    the samples profile, on real files (SARTEXT_SAMPLES)
# make lint       what CI checks of form
# make test       the tests
# make lock       resolve envs/requirements.in anew

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
STAMP := .venv/.locked

.PHONY: setup reproduce smoke samples lint format test lock clean

setup: $(STAMP)

$(STAMP): envs/requirements.lock envs/uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else "make setup: needs Python 3.11 or 3.12, found %d.%d; set PYTHON=python3.11" % sys.version_info[:2])'
	@command -v java > /dev/null || echo "make setup: no java found; METEOR and the caption tokenizer need it (Debian: default-jre-headless)" >&2
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r envs/uv.lock
	$(UV) pip sync -q --compile-bytecode --require-hashes envs/requirements.lock
	$(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

reproduce: setup
	$(BIN)/snakemake --cores all

smoke: setup
	$(BIN)/snakemake --cores all --configfile config/smoke.yaml

samples: setup
	$(BIN)/snakemake --cores all --configfile config/samples.yaml

lint: setup
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --snakefile Snakefile --lint
	$(BIN)/snakemake --snakefile workflow/Snakefile --lint

format: setup
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests
	$(BIN)/snakefmt Snakefile workflow

test: setup
	$(BIN)/pytest

lock: setup
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
		envs/requirements.in -o envs/requirements.lock

clean:
	rm -rf .venv .snakemake
