# Every task of the project; each sets up what it needs in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help demo run test check format bench docs screenshots interop deb release clean
help:            ## show this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

$(VENV)/.run: pyproject.toml
	@echo "Installing misfin-tui and the libraries it needs into $(VENV); the first time this takes a minute or two ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable .
	$(BIN)/python -m compileall -q src
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing what the tests need into $(VENV) ..."
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

demo: $(VENV)/.run       ## open the program on a throw-away demo mailbox
	$(BIN)/misfin-tui demo

run: $(VENV)/.run        ## open the program on your own profile
	$(BIN)/misfin-tui

# Many tests wait for a program, a server or a pause in the typing: half as many again as there are cores.
test: $(VENV)/.dev       ## run the tests, on every core
	$(BIN)/python -m pytest -q --dist=loadfile \
	  --numprocesses=$$($(BIN)/python -c 'import os; print((os.cpu_count() or 2) * 3 // 2)')

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

deb:             ## build a Debian package in dist/ (needs debhelper, python3-venv, python3-pip)
	rm -rf build/deb && mkdir -p build/deb/misfin-tui dist
	git ls-files -z | xargs -0 cp --parents -t build/deb/misfin-tui
	cp -r packaging/debian build/deb/misfin-tui/debian
	cd build/deb/misfin-tui && SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) dpkg-buildpackage -us -uc -b
	cp build/deb/*.deb dist/

release: $(VENV)/.dev    ## build everything a release has, and check it
	bash packaging/release.sh

clean:           ## remove what the other targets made
	rm -rf $(VENV) dist build docs/_build .mypy_cache .ruff_cache .import_linter_cache .hypothesis
