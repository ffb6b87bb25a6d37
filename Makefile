# The commands of this repository; `make` alone lists them.
PYTHON ?= python3
HOUSE = $(PYTHON) tools/main.py

.DEFAULT_GOAL := help
.PHONY: help run setup stop test test-odoo lint bench db shell pot clean distclean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run:  ## set up what is missing and serve the demo; PORT=8069
	@exec $(HOUSE) run $(if $(PORT),--port "$(PORT)")

setup:  ## set up what is missing, serve nothing
	@$(HOUSE) setup

stop:  ## stop this checkout's PostgreSQL
	@$(HOUSE) stop

test:  ## lint and every test; ARGS="-k word" or ARGS="tests/test_x.py" narrows
	@$(HOUSE) test $(if $(NO_LINT),--no-lint) -- $(ARGS)

test-odoo:  ## Odoo's own tests beside our addons: ARGS="crm sale_crm" [BARE=1: without ours]
	@$(HOUSE) test-odoo $(if $(BARE),--bare) $(ARGS)

lint:  ## style, licences, translations
	@$(HOUSE) lint

bench:  ## the programs of benchmarks/; ARGS are passed on
	@$(HOUSE) bench -- $(ARGS)

db:  ## a new database with every addon: NAME=x [DEMO=1] [FORCE=1] [ADDONS=a,b]
	@$(HOUSE) db $(if $(DEMO),--demo) $(if $(FORCE),--force) $(if $(ADDONS),--addons "$(ADDONS)") $(if $(NAME),"$(NAME)")

shell:  ## a Python shell on the demo database, or on NAME=x
	@bin/odoo shell -d $(or $(NAME),referral_demo)

pot:  ## refresh the term lists and merge them into the translations
	@$(HOUSE) pot

clean:  ## remove what this checkout made: databases, server state, logs; ALL=1 also the shared cache
	@$(HOUSE) clean $(if $(ALL),--all)

distclean:  ## remove the shared cache too
	@$(HOUSE) clean --all
