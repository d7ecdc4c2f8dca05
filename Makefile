# make run is the first thing to type, make test the second. `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help run serve test lint package deploy bench lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.local ## start the local cloud, replay every file of events/, print the replies, stop
	@$(BIN)/python -m local run

serve: $(VENV)/.local ## the local cloud until Ctrl-C (LOCAL_PORT, LOCAL_STATE)
	@exec $(BIN)/python -m local serve

test: lint ## the whole gate: lint, types, tests with a branch coverage floor
	$(BIN)/pytest --cov --cov-report=term

lint: $(VENV)/.dev ## style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

package: $(VENV)/.local ## dist/bundle and dist/bundle.zip: what SCF runs
	@$(BIN)/python -m deploy.package

deploy: $(VENV)/.local ## package, then Tencent's own CLI; keys and settings from .env, GATEWAY=1 for the API gateway
	@$(BIN)/python -m deploy

bench: $(VENV)/.local ## cold start, CPU, throughput, memory, size: writes benchmarks/results.md
	@$(BIN)/python -m benchmarks

lock: $(VENV)/.dev ## renew the pinned dependencies in requirements/
	$(BIN)/uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links --upgrade pyproject.toml -o requirements/bundle.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links -c requirements/bundle.txt pyproject.toml --group local -o requirements/local.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links -c requirements/local.txt pyproject.toml --group local --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links -c requirements/dev.txt --group peers -o requirements/peers.txt

clean: ## remove what the other commands made
	rm -rf $(VENV) .local dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A stamp a requirements file: what is pinned is installed once, and again when the pins change.
$(VENV)/.%: requirements/%.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	$(BIN)/python -m pip check --disable-pip-version-check
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed; say which: make PYTHON=/path/to/python3.12 run"; exit 1; }
	$(PYTHON) -m venv $(VENV)
