# make setup      .venv from the lock
# make reproduce  set-up, then every table and figure: snakemake --cores all
# make smoke      the smoke profile, every rule once
# make samples    the samples profile, on real files (SARTEXT_SAMPLES)
# make lint       what CI checks of form
# make test       the tests
# make test-system  those that need more than the product does: a language model behind a server, built from source (minutes)
# make benchmark-captions  captioning beside open_clip's own, same tokens and how much faster (minutes)
# make lock       resolve envs/requirements.in anew
# make image      the container image of HEAD (containers/README.md); BASE=NAME@sha256:DIGEST names its base
# make image-smoke  the smoke profile inside it, with no network

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
STAMP := .venv/.locked
SYSTEM_STAMP := .venv-system/.locked
BENCHMARKS_STAMP := .venv-benchmarks/.locked

.PHONY: setup locked reproduce smoke samples lint format test test-system benchmark-captions lock image image-smoke clean

SYNC = $(UV) pip sync -q --compile-bytecode --require-hashes envs/requirements.lock && \
	$(UV) pip install -q --no-deps --no-build-isolation -e .

# a package put in by hand since gives way to the lock again
setup: $(STAMP)
	@$(BIN)/sartext doctor --lock > /dev/null || { echo "make setup: installing what is locked" >&2; $(SYNC); }

# the other targets tell what differs from the lock, and leave it to the user
locked: $(STAMP)
	@$(BIN)/sartext doctor --lock > /dev/null

$(STAMP): envs/requirements.lock envs/uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else "make setup: needs Python 3.11 or 3.12, found %d.%d; set PYTHON=python3.11" % sys.version_info[:2])'
	@command -v java > /dev/null || echo "make setup: no java found; METEOR and the caption tokenizer need it (Debian: default-jre-headless)" >&2
	@test ! -f $@ || echo "make setup: the lock has changed since; installing what it says" >&2
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r envs/uv.lock
	$(SYNC)
	@touch $@

reproduce: locked
	$(BIN)/snakemake --cores all

smoke: locked
	$(BIN)/snakemake --cores all --configfile config/smoke.yaml

samples: locked
	$(BIN)/snakemake --cores all --configfile config/samples.yaml

lint: locked
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --snakefile Snakefile --lint
	$(BIN)/snakemake --snakefile workflow/Snakefile --lint

format: locked
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests
	$(BIN)/snakefmt Snakefile workflow

test: locked
	$(BIN)/pytest

# an environment of its own: nothing of it is the product's
$(SYSTEM_STAMP): envs/system.lock $(STAMP)
	test -x .venv-system/bin/python || $(PYTHON) -m venv .venv-system
	$(UV) pip install -q --python .venv-system/bin/python --require-hashes --build-constraints envs/system.lock -r envs/system.lock
	@touch $@

test-system: locked $(SYSTEM_STAMP)
	$(BIN)/pytest tests/system

# open_clip's beam search needs an older transformers than the product has
$(BENCHMARKS_STAMP): envs/benchmarks.lock $(STAMP)
	test -x .venv-benchmarks/bin/python || $(PYTHON) -m venv .venv-benchmarks
	$(UV) pip sync -q --python .venv-benchmarks/bin/python --require-hashes envs/benchmarks.lock
	@touch $@

benchmark-captions: $(BENCHMARKS_STAMP)
	PYTHONPATH=src .venv-benchmarks/bin/python tests/benchmarks/caption_decoding.py

lock: $(STAMP)
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
		envs/requirements.in -o envs/requirements.lock
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
		envs/system.in -o envs/system.lock
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
		envs/benchmarks.in -o envs/benchmarks.lock

image:
	@containers/build.sh

image-smoke:
	@containers/smoke.sh

clean:
	rm -rf .venv .venv-system .venv-benchmarks .snakemake
