# One verb per job; the work is in scripts/. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run test check format bench bench-quick clean

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' Makefile

run: ## install and start the hub on http://127.0.0.1:8080 (ARGS="..." go to `longwave serve`)
	@scripts/run $(ARGS)

test: ## install what the tests need and run every test (ARGS="..." go to pytest)
	@scripts/test $(ARGS)

check: ## format, lint, types, layers and budgets; under a minute
	@scripts/check

format: ## put every file into the one format, sort imports
	@scripts/format

bench: ## compare with other servers, some hours; writes benchmarks/results and docs/explanation/performance.md (ARGS="--resume" goes on)
	@scripts/bench $(ARGS)

bench-quick: ## the same in small, with few peers: three minutes
	@scripts/bench --quick $(ARGS)

clean: ## remove the environment, caches and build output
	@scripts/clean
