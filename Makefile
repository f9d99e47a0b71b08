# The commands of README.md and CONTRIBUTING.md. Each sets up what it needs.
# Further arguments of pytest: make local ARGS='-k login -x'

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test unit local live gate mutate mutate-unit bench clean
.PHONY: lint lint-python lint-types lint-shell lint-stack

ready := .venv/.ready
bin := .venv/bin
shell_scripts := provision.sh tools/setup .ci/run

help: ## show this list
	@grep --extended-regexp '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/make \1	\2/' | expand -t 18

demo: $(ready) ## create the stack here, show it, log in, delete it
	@tools/setup engine || true
	@$(bin)/harness demo

test: $(ready) ## all tests that need no AWS account
	@tools/setup clients || true
	@if tools/setup engine || [[ -n $$CI ]]; then require=--require-local; fi; \
	$(bin)/pytest $$require $(ARGS)

unit: $(ready) ## tests that need no network and no container
	@$(bin)/pytest -m unit $(ARGS)

local: $(ready) ## tests that boot guests
	@tools/setup clients || true
	@tools/setup engine
	@$(bin)/pytest -m local --require-local $(ARGS)

live: $(ready) ## tests on AWS; make live ARGS='--account 123456789012'
	@$(bin)/pytest -m live $(ARGS)

gate: $(ready) ## lint, unit and local of the stack in one verdict
	@tools/setup engine || true
	@$(bin)/harness gate tests/formation $(ARGS)

mutate: $(ready) ## break the stack in many ways; which do the tests let through?
	@tools/setup engine
	@$(bin)/harness mutate formation.json provision.sh $(ARGS)

mutate-unit: $(ready) ## the same, without guests
	@$(bin)/harness mutate formation.json provision.sh --rung unit $(ARGS)

bench: $(ready) ## time both rungs beside their floors
	@tools/setup engine
	@$(bin)/python bench $(ARGS)

lint: lint-python lint-types lint-shell lint-stack ## everything that can be said without running anything

lint-python: $(ready)
	$(bin)/ruff check
	$(bin)/ruff format --check

lint-types: $(ready)
	$(bin)/mypy

lint-shell: $(ready)
	$(bin)/shellcheck $(shell_scripts)

lint-stack: $(ready)
	$(bin)/harness embed --check formation.json provision.sh --resource Compute
	$(bin)/harness lint formation.json

clean: ## remove what was made here; kept stacks' keys stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	rm -rf .harness/runs .harness/artifacts .harness/gate .harness/clients

$(ready): pyproject.toml tools/setup
	@tools/setup environment
	@touch $@
