# Every task of the project; each sets up what it needs in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help demo run test check format bench docs screenshots interop clean
help:            ## show this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable .
	$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

demo: $(VENV)/.run       ## open the program on a throw-away demo mailbox
	$(BIN)/misfin-tui demo

run: $(VENV)/.run        ## open the program on your own profile
	$(BIN)/misfin-tui

test: $(VENV)/.dev       ## run the tests, on every core
	$(BIN)/python -m pytest -q --numprocesses=auto --dist=loadfile

check: $(VENV)/.dev      ## lint, formatting, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev     ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev      ## measure speed and memory against named peers
	$(BIN)/python -m tests.benchmarks

docs: $(VENV)/.dev       ## build the documents as HTML in docs/_build
	$(BIN)/python -m pip install --quiet --group docs
	$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build --fail-on-warning --keep-going --fresh-env --quiet -d docs/_build/.doctrees docs docs/_build
	@echo "The documents are in docs/_build/index.html"

interop: $(VENV)/.dev    ## run only the tests against other people's programs
	-$(BIN)/python tests/helpers/titlani.py
	$(BIN)/python -m pytest -q tests/interop

screenshots: $(VENV)/.dev ## draw every screen from the demo mailbox
	$(BIN)/python -m pip install --quiet cairosvg
	$(BIN)/python screenshots/make.py

clean:           ## remove what the other targets made
	rm -rf $(VENV) dist build docs/_build .mypy_cache .ruff_cache .import_linter_cache .hypothesis
