# make demo on a machine with Python 3.11 or newer, its venv module and a network is all it takes; on Windows
# in the shell of Git, whose sh, rm and find the recipes are written for.

VENV := .venv
# Windows sets OS itself. Python has another name there, and a virtual environment another folder of programs.
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := $(VENV)/Scripts
else
PYTHON ?= python3
BIN := $(VENV)/bin
endif
READY := $(VENV)/.ready
# The napari plugin has an environment of its own, so that Qt and some eighty packages stay out of softseg's.
NAPARI := plugins/napari
NAPARI_BIN := $(NAPARI)/$(BIN)
NAPARI_READY := $(NAPARI)/$(READY)
# Its tests open windows: where there is Xvfb, on a display of their own.
XVFB := $(shell command -v xvfb-run)
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test docs lint bench quality release-check clean

help:
	@echo "make demo    decompose a sample photo into soft layers; the result is left in out/"
	@echo "make test    run the tests"
	@echo "make docs    build the documentation: docs/_build/html/index.html"
	@echo "make lint    check style and types"
	@echo "make bench   run the benchmarks"
	@echo "make quality compare layers with known mattes, by softseg and others; an hour or two"
	@echo "make release-check  build the archives, and try the wheel in an empty environment"
	@echo "make clean   remove $(VENV), out/ and caches"
	@echo "The first of them installs everything into $(VENV). PYTHON=python3.12 make ... chooses another Python."

demo: $(READY)
	$(BIN)/softseg demo --output out

test: $(READY) $(NAPARI_READY)
	$(BIN)/python -m pytest
	$(if $(XVFB),xvfb-run -a) $(NAPARI_BIN)/python -m pytest $(NAPARI)

docs: $(READY)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --fresh-env docs docs/_build/html
	$(BIN)/python docs/check_links.py docs/_build/html

lint: $(READY) $(NAPARI_READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	cd $(NAPARI) && $(BIN)/python -m mypy

bench: $(READY)
	$(BIN)/python -m pytest benchmarks

# Goes on where it was stopped; "make clean" or rm -r out/quality begins anew.
quality: $(READY)
	$(BIN)/python benchmarks/quality.py --cache out/quality --picture docs/images/quality.png --write

# Takes what is in the working tree, so that what is not committed is checked as well.
release-check: $(READY)
	$(PIP_INSTALL) build twine
	$(BIN)/python packaging/release_check.py

clean:
	rm -rf $(VENV) $(NAPARI)/$(VENV) out build dist docs/_build docs/gallery docs/reference/api/generated .pytest_cache .mypy_cache .ruff_cache .benchmarks
	find src tests $(NAPARI) -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up, done again when the dependencies may have changed. The build backend is installed first and its
# isolation switched off, so that it too is the pinned one.
$(READY): pyproject.toml constraints.txt
	@command -v "$(PYTHON)" >/dev/null \
	    || { echo "make: no $(PYTHON) found; name your Python 3.11 or newer: make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "make: softseg needs Python 3.11 or newer, $(PYTHON) is older: make PYTHON=..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
	    || { echo "make: $(PYTHON) has no venv module (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(PIP_INSTALL) hatchling editables
	$(PIP_INSTALL) --no-build-isolation --editable '.[dev]'
	touch $@

# It sees what softseg's environment has, and adds to that.
$(NAPARI_READY): $(NAPARI)/pyproject.toml $(READY)
	"$(PYTHON)" -m venv $(NAPARI)/$(VENV)
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	    > "$$($(NAPARI_BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/softseg.pth"
	$(NAPARI_BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt \
	    --no-build-isolation --editable '$(NAPARI)[test]'
	touch $@
