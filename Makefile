# Every target sets itself up: it needs only Python 3.11 or later, make and a package index.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= demo
# What is installed beside the base; `make demo EXTRAS=` leaves torch, and what needs it, out.
EXTRAS ?= all
FULL   ?= full

# Tests of a file stay with one worker as long as there is enough to do, and share what it made.
# Threads of BLAS that wait for a core that another worker has take many times as long.
PYTEST := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo install test test-long test-fast check docs bench bench-full bench-peers clean

help: ## Show the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Stamps: an environment is made again only when what it is made from changed.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "recsys needs Python 3.11 or later: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e . -c constraints.txt
	touch $@

$(VENV)/.installed-extras: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]' -c constraints.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	touch $@

# Spark's tests are skipped without Java, so nothing is fetched for them there.
$(VENV)/.installed-spark: $(VENV)/.installed-dev
	if command -v java >/dev/null; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[spark]' -c constraints.txt; \
	fi
	touch $@

install: $(VENV)/.installed ## Create .venv and install recsys into it

demo: $(VENV)/.installed$(if $(EXTRAS),-extras) ## Make sample data, build everything, evaluate, show what one customer had and gets
	mkdir -p $(DEMO)
	$(BIN)/recsys demo -w $(DEMO)
	$(BIN)/recsys build -w $(DEMO)
	$(BIN)/recsys eval -d hm -w $(DEMO) >$(DEMO)/eval.txt
	@echo
	@cut -d, -f2 $(DEMO)/data/hm_raw/transactions_train.csv | sort | uniq -c | sort -n | tail -n 1 | \
	  while read -r _ customer; do $(BIN)/recsys recommend "$$customer" -d hm --history -k 5 -w $(DEMO); done
	@tail -n 1 $(DEMO)/eval.txt
	@printf '\nNext:\n  %s\n  %s\n  %s\n' '$(BIN)/recsys serve -w $(DEMO)' \
	  '$(BIN)/recsys search "red summer dress" -w $(DEMO)' '$(BIN)/recsys eval -w $(DEMO)'

test: $(VENV)/.installed-spark ## Run all checks and tests; Spark's where there is Java
	$(MAKE) check
	$(PYTEST) -m 'not long'

test-long: $(VENV)/.installed-spark ## Run more of what `make test` samples: kills at random, …
	$(PYTEST) -m long

test-fast: $(VENV)/.installed-dev ## Run the tests that take seconds
	$(PYTEST) -m 'not slow and not long'

check: $(VENV)/.installed-dev ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/.installed-dev ## Write docs/cli.md again from the commands
	$(BIN)/python -m recsys_cli.cli.reference docs/cli.md

bench: $(VENV)/.installed-dev ## Measure at small size and write docs/benchmarks.md
	test -d $(DEMO)/artifacts || $(MAKE) demo
	$(BIN)/python benchmarks/run.py

bench-full: $(VENV)/.installed-dev ## The same at full H&M size, in the workspace FULL=…
	test -d $(DEMO)/artifacts || $(MAKE) demo
	test -d $(FULL)/artifacts || $(BIN)/python benchmarks/run.py --full $(FULL) nextday-full
	$(BIN)/python benchmarks/run.py --full $(FULL)

bench-peers: $(VENV)/.installed-dev ## Measure beside implicit, RecTools, LensKit and pandas, which it installs into .peers
	$(BIN)/python benchmarks/run.py peers peers-tenth

clean: ## Remove the environment, the demo workspace and caches
	rm -rf $(VENV) $(DEMO) .peers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
