# Two commands matter: `make demo` and `make test`. Needs git, make and Python 3.11 or later.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
#: One more than there are cores, up to four: many tests wait for processes that they have started.
WORKERS := $(shell n=$$(( $$(getconf _NPROCESSORS_ONLN) + 1 )); echo $$(( n > 4 ? 4 : n )))
PYTEST  = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile
#: Tests of what people look at.
DESK   := tests/browser tests/cli tests/console tests/dashboards tests/query

.DEFAULT_GOAL := help

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(VENV)/installed ## Make .venv with the locked versions

$(VENV)/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "whodid needs Python 3.11 or later; set PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q pipeline schemas
	@touch $@

demo: install ## Run everything on this machine and reconstruct a bundled incident (ARGS=--exit ends by itself)
	@$(BIN)/whodid demo $(ARGS)

test: install ## Run the tests
ifeq ($(ARGS),)
	@# In two parts, each with fresh processes: the embedded engine grows with every store that a process has opened.
	@$(PYTEST) $(DESK:%=--ignore=%); first=$$?; $(PYTEST) $(DESK) && exit $$first
else
	$(PYTEST) $(ARGS)
endif

test-long: install ## Run the tests that take long, and show at length what others show too
	$(PYTEST) -m long

lint: install ## Style, types, and which package may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## Mend style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## Events per second against a null pipeline and per-event Faust, in one run
	$(BIN)/python -m benchmarks.throughput $(ARGS)

PYTHONS ?= python3.12 python3.13
MINUTES ?= 10

soak: install ## Constant load for MINUTES=10, and what grows meanwhile: memory, lag, state, a line each 15 seconds
	@$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) $(ARGS)

chaos: install ## Kill, stop and starve the pipeline's processes; its timeline must stay exact (on three nodes of Apache Kafka too, if it is there)
	$(BIN)/whodid chaos $(ARGS)
	@if command -v java > /dev/null && command -v mvn > /dev/null; then $(BIN)/whodid chaos --broker cluster $(ARGS); \
	else echo "not done on Apache Kafka: it needs a JDK 17 and Maven"; fi

fuzz: install ## A million mutated records through every normalizer, guided by coverage (ARGS="--runs 100000")
	$(BIN)/python -m tests.fuzz $(ARGS)

kafka: ## Run Apache Kafka (one KRaft node on 127.0.0.1:9092); needs Java 17 and Maven
	docker/kafka/run

pictures: install ## Take the pictures of README and docs anew (needs Chromium)
	WHODID_PICTURES=docs/pictures $(BIN)/python -m pytest tests/browser/test_pictures.py

schemas: install ## Write the JSON Schemas, the documents of API and topics, and the pages of sources, settings and metrics anew
	$(BIN)/python -m schemas.generate
	$(BIN)/python -m pipeline.run.openapi
	$(BIN)/python -m pipeline.run.asyncapi
	$(BIN)/python -m pipeline.run.source_pages
	$(BIN)/python -m pipeline.run.config_page
	$(BIN)/python -m pipeline.run.metrics_page

dashboards: install ## Write the Grafana dashboards anew (ARGS="--console https://…" for another console)
	$(BIN)/python -m dashboards $(ARGS)

lock: ## Write the locks anew from pyproject.toml: of development, of what runs, of the image
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(VENV)-lock/bin/uv pip compile pyproject.toml --extra embedded --extra chat --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --upgrade --quiet -o requirements.lock
	$(VENV)-lock/bin/uv pip compile pyproject.toml --extra embedded --extra chat --extra s3 --extra otel --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header -c requirements.lock --quiet -o requirements-run.lock
	$(VENV)-lock/bin/uv pip compile pyproject.toml --extra chat --extra s3 --extra otel --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header -c requirements.lock --quiet -o docker/requirements.lock
	rm -rf $(VENV)-lock

dist: install ## Build wheel, sdist and locked dependencies into dist/, each time the same bytes
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -d dist > /dev/null
	cp requirements-run.lock dist/requirements.txt
	cd dist && sha256sum * | tee SHA256SUMS

dist-check: dist ## Install that into an empty environment elsewhere, and run it from there
	.ci/dist-check $(BIN)/uv $(PYTHON)

image-check: ## Take the steps of docker/Dockerfile in an overlay of this machine, and run what comes of it read-only (needs root)
	$(PYTHON) docker/without_docker.py

sbom: ## Print what is in the image as CycloneDX JSON, from docker/requirements.lock
	@.ci/sbom

audit: ## Ask whether a known weakness is in what runs (needs a vulnerability service), and look for bandit's in our code
	@.ci/audit

test-pythons: install ## Run the tests of package, settings, formats and scoring, and the demo, on other Pythons (PYTHONS="python3.12 python3.13")
	for python in $(PYTHONS); do .ci/other-python $(BIN)/uv $$python || exit 1; done

clean: ## Remove what was made here
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

.PHONY: help install demo test test-long lint format bench soak chaos fuzz kafka pictures schemas dashboards lock dist dist-check image-check sbom audit test-pythons clean
