# make demo   reconstruct the shipped photograph and say where the results are
# make test   lint, the test suite in two processes (JOBS=8 makes it eight), and the share of lines
#             that it runs, a line for each room
# make quick  lint and the test suite alone: two thirds of the time
# make lint   ruff and mypy
# make docs   the documentation as a site, build/site; a warning is an error
# make wheel  dist/selfie3d-*.whl from a clean build
# make clean  remove the environment and everything that was built
#
# Each works on a fresh clone: it makes .venv and installs into it first. pip's own environment
# variables apply; on Linux without an NVIDIA GPU this avoids gigabytes of CUDA libraries:
#   PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make demo

SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2

# Installed editable: later changes of the code need no new installation, only those of
# pyproject.toml do. One pip command, so that torch comes through the version range alone.
# pip is silent for minutes with --quiet; this keeps one line per package.
define install
	@echo "Installing $(1) into $(VENV) (the first time takes minutes)"
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off \
		--editable '$(1)' 2>&1 | tee $(VENV)/install.log \
		| { grep --line-buffered -E '^ *(Processing|Downloading|Using cached|Installing coll|ERROR)' \
		|| true; } | cut -c 1-120 \
		|| { tail -n 20 $(VENV)/install.log >&2; echo "See $(VENV)/install.log" >&2; exit 1; }
	@touch $(2)
endef

.PHONY: help demo test quick lint docs wheel clean

help:
	@sed -n '1,8s/^# //p' Makefile

demo: $(VENV)/.installed
	$(BIN)/selfie3d demo

# The `pytest` command, not `python -m pytest`: that puts the root first on sys.path, where our
# folders would answer to other packages' names. JOBS processes of one thread each; the slowest
# tests and the time of all come last.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist worksteal --durations 20 \
	-m "not slow and not gpu"

quick: lint
	$(PYTEST)

# Counting lines makes tests up to half as long again (Python 3.11). What numba compiles and what
# other processes run counts as not run.
test: lint
	$(PYTEST) --cov --cov-report=
	@$(BIN)/coverage report | awk 'NF == 4 && $$2 ~ /^[0-9]+$$/ { \
		room = $$1 ~ /\// ? substr($$1, 1, index($$1, "/") - 1) : $$1; \
		lines[room] += $$2; missed[room] += $$3 } \
		function said(room) { return sprintf("%-12s %6d lines, %5.1f %% run", \
		room, lines[room], 100 - 100 * missed[room] / lines[room]) } \
		END { for (room in lines) if (lines[room] && room != "TOTAL") print said(room) | "sort"; \
		close("sort"); print said("TOTAL") }'

# mypy does not follow the editable mapping of the root to `selfie3d`; a temporary link shows it.
lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@link=$$(mktemp -d); trap 'rm -rf "$$link"' EXIT; ln -s '$(CURDIR)' "$$link/selfie3d"; \
		echo "mypy -p selfie3d"; MYPYPATH="$$link" $(BIN)/mypy -p selfie3d

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# A build/ left over from before puts modules back that were deleted since.
wheel:
	rm -rf build dist *.egg-info
	$(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	rm -rf build

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.coverage demo_output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "selfie3d needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one, for example: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) -m venv failed (Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	$(call install,.,$@)

$(VENV)/.installed-dev: $(VENV)/.created pyproject.toml
	$(call install,.[dev],$@ $(VENV)/.installed)

$(VENV)/.installed-docs: $(VENV)/.created pyproject.toml
	$(call install,.[docs],$@ $(VENV)/.installed)
