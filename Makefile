# Nothing needs to be installed or activated by hand: each target makes .venv with what it needs, from the locks.
# uv is used where it is on PATH or in .venv, as `make test` brings it, for speed; else python's own venv and pip.

VENV := .venv
PY := $(VENV)/bin/python
UV = $(firstword $(shell command -v uv) $(wildcard $(VENV)/bin/uv))
# What the example platforms in Python run in: the wheel, and nothing of the service.
EXAMPLES := .venv-examples
# The first of these that is Python 3.11 or newer; `make PYTHON=/path/to/python3` names another.
PYTHON ?= python3 python3.11 python3.12 python3.13 python3.14
ARGS ?=
# Tests start hundreds of processes: with this set, each of them would compile again what it imports.
unexport PYTHONDONTWRITEBYTECODE
# More processes than two cores, for tests also wait. Each gets neighbours in the list, which share a file and servers,
# and the fewer, the closer the end.
FOUR := -n 4 --dist worksteal

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# A .venv whose Python was removed or is too old is made again. Here, before make looks at what is in it.
$(shell [ ! -e $(VENV) ] || $(PY) -c '$(NEW_ENOUGH)' 2>/dev/null || rm -rf $(VENV))

.DEFAULT_GOAL := help
# Two targets may not install into one .venv at once, whatever MAKEFLAGS says.
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo demo-pythons platform console test test-all test-bench test-properties test-examples test-browser test-browser-all image compose pictures lint format wheel release lock clean bench bench-addresses bench-browser bench-console bench-countries bench-flow bench-homes bench-names bench-nominatim bench-outcomes bench-rosters bench-polling bench-datasets bench-registries bench-towns bench-zones faults faults-short alerts alerts-soak control-arm soak bench-scale mutants canaries

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.service ## See checks on their whole way, in one process; ARGS="--json" for a program
	@bin/jurat demo $(ARGS)

demo-pythons: ## Run `make demo` in a clone with each other Python from 3.11 on that is found, 20 s each
	@.ci/pythons

platform: $(VENV)/.platform ## Try a platform in a browser, with an invented town behind it; ARGS="--port 8090"
	@PYTHONPATH=. $(PY) -P -m examples.platform.start $(ARGS)

console: platform ## The same for its console: links for a reviewer, an administrator and an operator

test: $(VENV)/.dev ## Run the tests, in about three minutes; ARGS="-k words tests/folder" for some
	$(PY) -m pytest $(FOUR) -m "not slow and not stacks and not browser and not containers and not alerts and not bench" $(ARGS)

test-all: $(VENV)/.dev ## Run the tests that take longer, after `make test`
	$(PY) -m pytest $(FOUR) -m "slow and not stacks and not browser and not containers and not alerts and not bench" $(ARGS)

test-properties: $(VENV)/.dev ## Try every property on more and on new examples
	HYPOTHESIS_PROFILE=thorough $(PY) -m pytest $(FOUR) -m "hypothesis and not stacks and not browser and not containers and not alerts and not bench" $(ARGS)

test-bench: $(VENV)/.dev ## Run each bench once, small, after a change in bench/
	$(PY) -m pytest $(FOUR) -m bench tests/bench $(ARGS)

test-examples: $(VENV)/.dev $(VENV)/.platform $(EXAMPLES)/.wheel ## Run the platforms of examples/: Django, Flask, Node, PHP, Ruby; as root on Debian it installs them
	@PYTHONPATH=. $(PY) -m tests.examples.stacks.runtimes
	$(PY) -m pytest $(FOUR) -m stacks tests/examples $(ARGS)

test-browser: $(VENV)/.browser ## Walk through `make platform` in Chromium, five minutes; as root on Debian it installs that
	@PYTHONPATH=. $(PY) -m tests.examples.platform.browser.chromium
	$(PY) -m pytest $(FOUR) -m "browser and not slow" tests/examples/platform/browser tests/console/browser $(ARGS)

test-browser-all: $(VENV)/.browser ## Walk through the console in French as well, after `make test-browser`, two minutes
	@PYTHONPATH=. $(PY) -m tests.examples.platform.browser.chromium
	$(PY) -m pytest $(FOUR) -m "browser and slow" tests/console/browser $(ARGS)

image: $(VENV)/.dev ## Build both images from Debian's packages, to dist/, and look into them; as root on Debian, two minutes
	@PYTHONPATH=. $(PY) -m tests.containers.debian builds
	@PYTHONPATH=. $(PY) -m tests.containers.build
	$(PY) -m pytest -m "containers and not slow" tests/containers/test_image.py $(ARGS)

compose: $(VENV)/.dev ## Follow the pages about containers in an engine of their own; as root on Debian, four minutes
	@PYTHONPATH=. $(PY) -m tests.containers.debian runs
	$(PY) -m pytest -x -m containers tests/containers/test_page.py tests/containers/test_platform.py $(ARGS)

pictures: $(VENV)/.browser ## Take the pictures of the platform in docs/pictures/ again
	@PYTHONPATH=. $(PY) -m tests.examples.platform.browser.chromium
	$(PY) -m pytest -m browser tests/examples/platform/browser/test_pictures.py --pictures $(ARGS)

lint: $(VENV)/.dev ## Check style, types and layers
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	PYTHONPATH=. $(VENV)/bin/lint-imports

format: $(VENV)/.dev ## Fix what ruff can fix
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

wheel: $(VENV)/.dev ## Build dist/jurat-….whl, what a platform installs
	$(PY) -m hatchling build -t wheel -d dist

release: $(VENV)/.dev ## Rehearse, build HEAD twice as VERSION=0.3.0, compare, tag it here; as root on Debian with the images, half an hour
	@PYTHONPATH=. $(PY) -m release $(VERSION)

bench-addresses: $(VENV)/.dev ## Ask a real geocoder 10,000 real addresses, minutes; SOURCE=address-file|dataset ARGS="--direct"
	@PYTHONPATH=. $(PY) -m bench.real_addresses $(if $(SOURCE),--source $(SOURCE)) $(ARGS)

bench-browser: $(VENV)/.browser ## Time the way from Confirm to the verdict in Chromium, two minutes; CONFIRMATIONS=100
	@PYTHONPATH=. $(PY) -m bench.browser $(if $(CONFIRMATIONS),--confirmations $(CONFIRMATIONS)) $(ARGS)

bench-nominatim: $(VENV)/.dev ## Ask a real Nominatim real addresses; needs PostGIS and osm2pgsql, and says what is missing
	@PYTHONPATH=. $(PY) -m bench.real_nominatim $(ARGS)

bench-towns: $(VENV)/.dev ## Decide addresses of invented towns in five languages, a minute; ARGS="--seed 7 --show"
	@PYTHONPATH=. $(PY) -m bench.other_towns $(ARGS)

bench-countries: $(VENV)/.dev ## Decide addresses of real towns in ../sets, in six languages; ARGS="--only Bern --show"
	@PYTHONPATH=. $(PY) -m bench.countries $(ARGS)

bench-homes: $(VENV)/.dev ## Count the homes that verdicts about six zones find again, 10 minutes; ARGS="--seed 7 --towns 1"
	@PYTHONPATH=. $(PY) -m bench.homes $(ARGS)

bench-names: $(VENV)/.bench ## Compare names of invented strangers, and names in two spellings, 5 minutes; ARGS="--first 100 --show"
	@PYTHONPATH=. $(PY) -m bench.registry_names $(ARGS)

bench-outcomes: $(VENV)/.bench ## How often the alarm on outcome shares errs, 20 minutes; ARGS="--years 1 --jumps 9"
	@PYTHONPATH=. $(PY) -m bench.outcome_shares $(ARGS)

bench-datasets: $(VENV)/.dev ## Import an address base into the database and look addresses up in it
	@PYTHONPATH=. $(PY) -m bench.address_dataset $(ARGS)

bench-registries: $(VENV)/.dev ## Play every preset against a source in every bad mood, and time it: a minute
	@PYTHONPATH=. $(PY) -m bench.registries $(ARGS)

bench-rosters: $(VENV)/.dev ## Import a roster into PostgreSQL and SQLite and look people up in it
	@PYTHONPATH=. $(PY) -m bench.roster $(ARGS)

bench-zones: $(VENV)/.dev ## Load 1,000 zones of 10,000 vertices, and time whether one holds a point
	@PYTHONPATH=. $(PY) -m bench.zone_speed $(ARGS)

bench: $(VENV)/.bench ## Compare with Celery, dramatiq and taskiq on the same job, 25 minutes; ARMS=all an hour; ROUNDS=1 SECONDS=5 ARMS="jurat-64 taskiq"
	@PYTHONPATH=. $(PY) -m bench.speed $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(ARMS),--arms $(ARMS)) $(if $(PARTS),--parts $(PARTS)) $(if $(BUSY),--busy $(BUSY)) $(ARGS)

bench-scale: $(VENV)/.dev ## Compare 1 M pending and 10 M settled checks with 1,000 of each, 10 minutes, 15 GB; PENDING=20000 SETTLED=200000
	@PYTHONPATH=. $(PY) -m bench.scale $(if $(PENDING),--pending $(PENDING)) $(if $(SETTLED),--settled $(SETTLED)) $(ARGS)

bench-console: $(VENV)/.dev ## Time and weigh each page of the console on 1 M pending and 10 M settled checks, 10 minutes, 15 GB; ARGS="--keep build/scale"
	@PYTHONPATH=. $(PY) -m bench.console_pages $(ARGS)

bench-flow: $(VENV)/.dev ## See limits hold and be used over all workers, 30 minutes; SCENARIO="quota breaker" SECONDS=60 CHECKS=600 WORKERS=4
	@PYTHONPATH=. $(PY) -m bench.flow $(SCENARIO) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(CHECKS),--checks $(CHECKS)) \
		$(if $(WORKERS),--workers $(WORKERS)) $(ARGS)

bench-polling: $(VENV)/.dev ## Have 1,000 participants poll at once while a worker is busy, 2 minutes; PARTICIPANTS=200 SECONDS=10
	@PYTHONPATH=. $(PY) -m bench.polls $(if $(PARTICIPANTS),--participants $(PARTICIPANTS)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

FAULTS := @PYTHONPATH=. $(PY) -m bench.faults $(SCENARIO) $(if $(SEED),--seed $(SEED)) $(if $(CHECKS),--checks $(CHECKS))

faults: $(VENV)/.dev ## Break a running fleet in every way; SCENARIO="kill sigstop" SEED="1 2 3" CHECKS=2000
	$(FAULTS) $(ARGS)

faults-short: $(VENV)/.dev ## The short faults alone, with 300 checks, three at once: a few minutes
	$(FAULTS) --short --fresh --jobs 3 $(ARGS)

alerts: $(VENV)/.dev ## Fire every alert by a real fault, under a real Prometheus, in under ten minutes; ARGS="-k Nobody"
	$(PY) -m pytest -n 3 --dist worksteal -m alerts tests/monitoring $(ARGS)

alerts-soak: $(VENV)/.dev ## The same as `make soak`, watched: nobody must be called; MINUTES=30 RATE=50
	@PYTHONPATH=. $(PY) -m bench.soak --watched $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE)) $(ARGS)

control-arm: $(VENV)/.dev ## Kill workers of plain Celery as often, and count what it loses
	@PYTHONPATH=. $(PY) -m bench.control_arm $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: $(VENV)/.dev ## Run a fleet for half an hour and see whether anything grows; MINUTES=30 RATE=50
	@PYTHONPATH=. $(PY) -m bench.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE)) $(ARGS)

canaries: $(VENV)/.dev ## Mark all personal data and secrets of a fleet, and look for the marks everywhere; as root, 3 minutes
	@PYTHONPATH=. $(PY) -m bench.canaries $(ARGS)

mutants: $(VENV)/.dev ## Make one-line mistakes in copies of the code; the tests must find each, half an hour; ARGS="fence lease --jobs 2"
	@PYTHONPATH=. $(PY) -m bench.mutants $(ARGS)

COMPILE = $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
SERVICE := --extra service --extra metrics --extra zones
lock: $(VENV)/.dev ## Write requirements/*.txt from pyproject.toml; ARGS="--upgrade" for newer versions
	$(COMPILE) $(ARGS) $(SERVICE) -o requirements/service.txt
	$(COMPILE) $(ARGS) --extra service --extra metrics -c requirements/service.txt -o requirements/worker.txt
	$(COMPILE) $(ARGS) --extra service --extra metrics --extra console -c requirements/service.txt -o requirements/console.txt
	$(COMPILE) $(ARGS) --extra otel -c requirements/service.txt -o requirements/otel.txt
	$(COMPILE) $(ARGS) $(SERVICE) --extra console --extra otel --extra dev -c requirements/service.txt \
		-c requirements/console.txt -c requirements/otel.txt -o requirements/dev.txt
	$(COMPILE) $(ARGS) $(SERVICE) --extra console --extra otel --extra dev --extra bench -c requirements/dev.txt \
		-o requirements/bench.txt
	$(COMPILE) $(ARGS) $(SERVICE) --extra console --extra platform -c requirements/console.txt -o requirements/platform.txt
	$(COMPILE) $(ARGS) $(SERVICE) --extra console --extra otel --extra dev --extra platform --extra browser \
		-c requirements/dev.txt -c requirements/platform.txt -o requirements/browser.txt
	$(COMPILE) $(ARGS) --extra examples --extra platform --extra ring -c requirements/service.txt \
		-c requirements/console.txt -o requirements/examples.txt

clean: ## Remove .venv and all that tools left behind
	rm -rf $(VENV) $(EXAMPLES) examples/node/node_modules dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says which lock a .venv was made from; a target whose lock did not change goes on at once.
$(addprefix $(VENV)/.,service dev platform browser bench): $(VENV)/.%: requirements/%.txt | $(VENV)/pyvenv.cfg
	@$(call install,$<,$(VENV))
	@touch $@

$(EXAMPLES)/.libraries: requirements/examples.txt | $(EXAMPLES)/pyvenv.cfg
	@$(call install,$<,$(EXAMPLES))
	@touch $@

$(EXAMPLES)/.wheel: $(EXAMPLES)/.libraries pyproject.toml $(wildcard jurat/*.py jurat/messages/*) | $(VENV)/.dev
	@echo "$(EXAMPLES): building the wheel of jurat, and installing it ..." >&2
	@rm -rf $(EXAMPLES)/dist
	@$(PY) -m hatchling build -t wheel -d $(EXAMPLES)/dist >/dev/null
	@$(call pip,$(EXAMPLES),--no-deps --force-reinstall $(EXAMPLES)/dist/jurat-*.whl)
	@touch $@

# Progress goes to standard error: the output of `make demo ARGS=--json` is one document.
define install
packages=$$(grep -cE '^[A-Za-z0-9._-]+==' $(1)); \
echo "$(2): installing the $$packages packages of $(1), $(if $(UV),some seconds with uv,about a minute with pip) ..." >&2; \
begun=$$(date +%s); \
$(call pip,$(2),--require-hashes -r $(1)) && echo "$(2): done in $$(($$(date +%s) - begun)) s" >&2
endef

# Of pip's long output, a line for each ten packages. Its errors are on standard error, and stay.
define pip
if [ -n "$(UV)" ]; then \
	$(UV) pip install --quiet --python $(1)/bin/python $(2); \
else \
	{ $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(1)/bin/python -m ensurepip >/dev/null; } && \
	{ PYTHONUNBUFFERED=1 $(1)/bin/python -m pip install --disable-pip-version-check --progress-bar off $(2); echo "ended $$?"; } \
		| { looked=0; while read -r line; do case $$line in \
			Ignoring\ *|*"(from -r "*) looked=$$((looked + 1)); \
				[ $$((looked % 10)) -ne 0 ] || echo "$(1): fetched $$looked of $$packages" ;; \
			"Installing collected"*) echo "$(1): unpacking, which takes as long again ..." ;; \
			ended\ *) exit $${line#ended } ;; \
		esac; done; } >&2; \
fi
endef

$(VENV)/pyvenv.cfg $(EXAMPLES)/pyvenv.cfg:
	@for name in $(PYTHON); do \
		if "$$name" -c '$(NEW_ENOUGH)' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$${python:-}" ]; then \
		echo "jurat needs Python 3.11 or newer, and none of these is: $(PYTHON)." >&2; \
		echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3" >&2; \
		exit 2; \
	fi; \
	echo "$(@D): making it with $$python, $$("$$python" --version) ..." >&2; \
	if [ -n "$(UV)" ]; then \
		$(UV) venv --quiet --python "$$python" $(@D); \
	elif "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		"$$python" -m venv $(@D); \
	else \
		echo "$$python has no venv module." >&2; \
		echo "Install it (Debian, Ubuntu: apt-get install python3-venv), or install uv: pip install uv" >&2; \
		exit 2; \
	fi
