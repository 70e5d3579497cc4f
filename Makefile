# Needs make and Python 3.11 or newer; everything else is set up by the targets themselves.
# Another Python: make test PYTHON=/usr/bin/python3.12

ifeq ($(origin PYTHON), undefined)
PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && echo "$$name" && exit; done; echo python3)
endif
PREPARED = @command -v "$(PYTHON)" >/dev/null || { echo "Python 3.11 or newer is needed: apt install python3 python3-venv"; exit 1; }; \
	exec "$(PYTHON)" tests/bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help run test test-fast bench screenshots soak lint check lock audit format

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | while IFS=@ read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done

run: ## The whole service with an emulated Bitrix24 and UIS (WEB_PORT=8000 SANDBOX_PORT=8090)
	$(PREPARED) tests.demo

test: ## Every check and every test, on SQLite and PostgreSQL (ARGS="-k lane" for some)
	$(PREPARED) tests.suite $(ARGS)

test-fast: ## The inner loop: lint and the tests on SQLite, without a browser (ARGS="-k lane")
	$(PREPARED) tests.suite --fast $(ARGS)

bench: ## What it costs and how fast it is, beside the alternatives; 25 minutes (ARGS="intake" for a part, "--quick")
	$(PREPARED) tests.bench $(ARGS)

soak: ## Hundreds of stories while everything is killed and goes wrong (ARGS="--seed 2 --minutes 4"); ten minutes
	$(PREPARED) tests.soak $(ARGS)

screenshots: ## Draw the pictures in docs/screenshots anew, in both languages and at both widths
	$(PREPARED) tests.suite --screenshots $(ARGS)

lint: ## Style and types only
	$(PREPARED) tests.suite --lint

check: ## Django's checks and missing migrations only
	$(PREPARED) tests.suite --check

lock: ## Pin every package anew with its hashes, and list their licences
	$(PREPARED) tests.lock

audit: ## Look the pinned packages up among the known vulnerabilities; says so where that cannot be reached
	$(PREPARED) tests.audit

format: ## Put the code into the common form
	$(PREPARED) tests.suite --format
