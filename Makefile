# make run is the first thing to type, make test the second. `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --generate-hashes \
	--no-emit-index-url --no-emit-find-links

# Containers often set this. Then each process, and each cold start of the local cloud, compiles what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run serve test test-only lint package plan deploy rollback remove bench lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "$(BIN)/python -m client --help: ask about a list of ids, once make run has made $(VENV)"

run: $(VENV)/.local ## replay every file of events/ on a private local cloud (V=1: print every reply in full)
	@$(BIN)/python -m local run

serve: $(VENV)/.local ## run the local cloud until Ctrl-C (LOCAL_PORT, LOCAL_STATE); for invoke, fire, load-test, state: python -m local --help
	@exec $(BIN)/python -m local serve

# The suite waits more than it computes, so it takes more processes than two cores.
test: lint ## run the whole gate: lint, types, tests with a branch coverage floor
	$(BIN)/pytest --numprocesses 3 --cov --cov-report=term

T ?= tests
test-only: $(VENV)/.dev ## run some tests, without lint and coverage: make test-only T=tests/e2e
	$(BIN)/pytest $(T)

lint: $(VENV)/.dev ## check style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

package: $(VENV)/.local ## build dist/bundle and dist/bundle.zip, the code that SCF runs
	@$(BIN)/python -m deploy package

plan: $(VENV)/.deploy ## show what make deploy would create, change and remove; changes nothing
	@$(BIN)/python -m deploy plan $(FLAGS)

deploy: $(VENV)/.deploy ## show the plan and carry it out (FLAGS=--json: JSON output)
	@$(BIN)/python -m deploy deploy $(FLAGS)

rollback: $(VENV)/.deploy ## go back to the release before the live one
	@$(BIN)/python -m deploy rollback $(FLAGS)

remove: $(VENV)/.deploy ## remove what was deployed, except the bucket
	@$(BIN)/python -m deploy remove $(FLAGS)

bench: $(VENV)/.local ## measure cold start, CPU, throughput, memory, size (WRITE=1: also write benchmarks/results.md)
	@$(BIN)/python -m benchmarks

lock: $(VENV)/.dev ## renew the pinned dependencies in requirements/
	$(COMPILE) pyproject.toml -o requirements/bundle.txt
	$(COMPILE) --group build -o requirements/build.txt
	$(COMPILE) -c requirements/bundle.txt pyproject.toml --group local -o requirements/local.txt
	$(COMPILE) -c requirements/local.txt -c requirements/build.txt pyproject.toml --group deploy -o requirements/deploy.txt
	$(COMPILE) -c requirements/deploy.txt -c requirements/build.txt pyproject.toml --group dev -o requirements/dev.txt
	$(COMPILE) -c requirements/dev.txt --group peers -o requirements/peers.txt

clean: ## remove what the other commands have created
	rm -rf $(VENV) .local dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# One stamp for each lock: its packages are installed once, and again when the lock or the environment changes.
$(VENV)/.%: requirements/%.txt requirements/install.sh $(VENV)/.python
	@sh requirements/install.sh $(VENV) $<
	@touch $@

# These locks have packages that are released as source only.
$(VENV)/.dev $(VENV)/.peers $(VENV)/.deploy: $(VENV)/.build

# Checked each time: the Python of the environment can be gone, or PYTHON can name another one.
$(VENV)/.python: FORCE
	@sh requirements/environment.sh $(VENV) "$(PYTHON)" $(if $(filter file,$(origin PYTHON)),,given)
FORCE:
