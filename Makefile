# One verb per job; the work is in scripts/. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run test check format clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' Makefile

run: ## install and start the hub on http://127.0.0.1:8080 (ARGS="..." go to `longwave serve`)
	@scripts/run $(ARGS)

test: ## install what the tests need and run every test (ARGS="..." go to pytest)
	@scripts/test $(ARGS)

check: ## format, lint, types, layers and budgets; under a minute
	@scripts/check

format: ## put every file into the one format, sort imports
	@scripts/format

clean: ## remove the environment, caches and build output
	@scripts/clean
