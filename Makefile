VENV ?= .venv
comma := ,
# The first Python of this machine that is new enough.
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
BIN := $(VENV)/bin
# Without an NVIDIA driver torch comes from here, if it can be reached: on Linux the default one brings gigabytes of CUDA.
TORCH_INDEX ?= $(if $(shell command -v nvidia-smi),,https://download.pytorch.org/whl/cpu)
REACHABLE = import urllib.request as u; u.urlopen("$(TORCH_INDEX)/torch/", timeout=5)
TORCH_OPTIONS = $$(if test -n "$(TORCH_INDEX)" && $(BIN)/python -c '$(REACHABLE)' 2>/dev/null; then \
	echo "--extra-index-url $(TORCH_INDEX)"; fi)
# Where wheels are put, and the Pythons that try them.
DIST ?= dist
PYTHONS ?= $(PYTHON)
# On a machine with an NVIDIA driver the searches on its GPU, too.
EXTRAS := test,check,release$(if $(shell command -v nvidia-smi),$(comma)gpu)
# Written last, so that an interrupted installation is done again.
INSTALLED := $(VENV)/.installed
DOCS_INSTALLED := $(VENV)/.docs-installed

# Ctrl-C is how these end: pylos says so itself (130), and make need not call it an error. The shell waits for that.
UNTIL_INTERRUPT = trap : INT; $(1) || { code=$$?; test $$code -eq 130 || exit $$code; }

.DEFAULT_GOAL := help
.PHONY: help play train test soak check docs bench peers dist try clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

play: $(INSTALLED) ## play in the browser
	@$(call UNTIL_INTERRUPT,$(BIN)/pylos play)

train: $(INSTALLED) ## train an agent (configs/quick.yaml); run again to resume
	@$(call UNTIL_INTERRUPT,$(BIN)/pylos fit -c configs/quick.yaml --ckpt_path auto)

test: $(INSTALLED) ## run all tests
	$(BIN)/python -m pytest

soak: $(INSTALLED) ## kill and resume a small run over and over (half an hour)
	$(BIN)/python -m tests.whole.soak

check: $(INSTALLED) ## check style, types and the directions of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(DOCS_INSTALLED) ## build the documentation site into docs/_build/html
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet docs docs/_build/html
	@echo "built: docs/_build/html/index.html"

bench: $(INSTALLED) ## run every benchmark
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

peers: $(INSTALLED) ## compare self-play with that of other libraries, which it installs beside
	$(BIN)/python benchmarks/peers/compare.py

dist: $(INSTALLED) ## build and check the wheel and the source distribution, in dist/
	rm -rf $(DIST)
	$(BIN)/python -m build --outdir $(DIST) >/dev/null
	$(BIN)/python -m twine check --strict $(DIST)/*
	$(BIN)/check-wheel-contents $(DIST)/*.whl

try: dist ## install that wheel into an empty environment and try it there: make try PYTHONS="python3.11 python3.14"
	$(BIN)/python -m tests.whole.install $(DIST)/*.whl $(PYTHONS) \
		--pip "--constraint '$(CURDIR)/constraints.txt' $(TORCH_OPTIONS)"

clean: ## remove the environment and all caches; trained runs stay
	rm -rf .venv build dist docs/_build docs/reference *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed; name it with PYTHON=/path/to/python" >&2; exit 2; }
	@rm -f $@
	@echo "installing into $(VENV), which takes some minutes the first time ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet torch --constraint constraints.txt $(TORCH_OPTIONS)
	$(BIN)/python -m pip install --quiet --editable '.[$(EXTRAS)]' --constraint constraints.txt
	@touch $@

$(DOCS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --editable '.[docs]' --constraint constraints.txt
	@touch $@
