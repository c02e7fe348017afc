# Everything is done by the Python package in stack/; this only finds a Python for it.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
ARGS ?=
COMMANDS = run dev test lint format bench manage reset requirements

.DEFAULT_GOAL = help
.PHONY: help $(COMMANDS)

help:
	@echo 'Troupe'
	@echo
	@echo '  make run           start everything, with nothing but Python 3.11 or newer (PORT=8001 for another port)'
	@echo '  make dev           the same, and start again when a source file changes'
	@echo '  make test          all tests on a throwaway database   (ARGS="-k wallet" picks some)'
	@echo '  make lint          style, types, floors, migrations, API schema'
	@echo '  make format        format the code'
	@echo '  make bench         measure the production processes    (ARGS=--help lists scenarios)'
	@echo '  make manage        Django commands on your data        (ARGS=createsuperuser)'
	@echo '  make requirements  pin the packages again              (ARGS=--upgrade takes newer ones)'
	@echo '  make reset         delete all data in var/'

$(COMMANDS):
	@if [ -z "$(PYTHON)" ]; then echo 'Troupe needs Python 3.11 or newer, and found none. Install it, or name it: make $@ PYTHON=/path/to/python3'; exit 1; fi
	@exec $(PYTHON) -m stack $@ $(ARGS)
