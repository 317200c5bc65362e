# make serve | test | lint | bench | test-matrix
VENV := .venv
BIN := $(VENV)/bin

.PHONY: serve test test-matrix bench lint

serve: $(VENV)/.installed
	$(BIN)/python app.py

test: $(VENV)/.tests
	$(BIN)/python -m pytest $(PYTEST)

# the contract over SSH on Slurm 20.11, 22.05, 24.11 and 26.05; needs root, for it boots them
test-matrix: $(VENV)/.tests
	tests/cluster/matrix bullseye trixie sid
	SRUNX_TEST_RELEASES="bullseye trixie sid" $(BIN)/python -m pytest tests/cluster -m "cluster or matrix" $(PYTEST)

bench: $(VENV)/.tests
	$(BIN)/python -m tests.bench

lint: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(VENV)/bin/python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or newer is needed, this is $$(python3 --version)"; exit 1; }
	@python3 -m venv $(VENV) || { rm -rf $(VENV); echo "python3-venv is missing: sudo apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.tests: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.installed
