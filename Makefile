# `make report`: everything from nothing. `make test`: every check and test. Both build the project's own environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
# What Python has compiled is kept, whatever the shell says: without it every run compiles two thousand modules again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: report test lab bench lock clean help

help:
	@echo "make report   environment, default data, whole pipeline, reports/index.html"
	@echo "make test     environment, all checks, all tests"
	@echo "make lab      JupyterLab on the notebooks"
	@echo "make bench    speed and accuracy against the committed reference"
	@echo "make lock     newest versions into requirements.lock"

report: $(VENV)/ready
	@$(BIN)/analytics run --all

test: $(VENV)/ready
	@sh .ci/test

lab: $(VENV)/ready
	@JUPYTER_CONFIG_DIR=notebooks/.jupyter $(BIN)/jupyter lab --notebook-dir=notebooks

bench: $(VENV)/ready
	@$(BIN)/python benchmarks/run.py

# uv if it is there or can be had, else pip: both read the same hashed lock file.
$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else 'Python 3.11 to 3.13 is needed, this is ' + sys.version.split()[0] + '; try: make PYTHON=python3.12')"
	@echo "environment: $(VENV) from requirements.lock (a minute on a fresh machine)"
	@sh .ci/environment "$(PYTHON)" $(VENV)
	@touch $@

lock:
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --upgrade --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) .uv data/memo data/draft data/.staging
