# `make` alone lists what there is. Needs make and Python 3.11 or newer; everything else is fetched into .venv and the user's cache.

BIN := .venv/bin
INSTALLED := .venv/.installed
JOBS := 3
LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help install dev down test check bench faults lock pictures

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## The .venv, with `hub` in it (made by itself where needed)

$(INSTALLED): requirements.lock pyproject.toml infra/setup.sh
	@sh infra/setup.sh
	@touch $@

dev: $(INSTALLED) ## Everything running, with demo tenants; Ctrl-C stops it [DATA=.hub] [PORT=8000]
	@$(BIN)/hub dev $(if $(DATA),--data "$(DATA)") $(if $(PORT),--port $(PORT)) $(ARGS)

down: $(INSTALLED) ## Clean up after a `make dev` that was killed [DATA=.hub]
	@$(BIN)/hub down $(if $(DATA),--data "$(DATA)")

test: check ## Style, types, import rules, then the tests on real servers [ARGS="-k name"] [JOBS=3]
	@$(BIN)/python -m infra.temporal_binary
	$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

check: $(INSTALLED) ## Style, types and import rules only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) ## Speed and memory, beside plain Temporal, as a table [ARGS="-k batches"]
	$(BIN)/pytest -m bench -s $(ARGS)

lock: ## Both lock files after a change of pyproject.toml; wants uv
	@$(LOCK) --extra dev -o requirements.lock
	@$(LOCK) -c requirements.lock -o requirements.runtime.lock

pictures: $(INSTALLED) ## docs/pictures anew, from a `hub dev` of its own; wants Chromium
	$(BIN)/python -m tests.pictures

faults: $(INSTALLED) ## Processes killed and connections cut at random moments, then the books are checked [FAULT_SECONDS=60]
	$(BIN)/pytest -m faults -s $(ARGS)
