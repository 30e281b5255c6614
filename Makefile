# Everything a user or a developer runs. `make help` lists it.
# Overridable: make demo MINUTES=1 OUT=runs/other, make test ARGS="-x tests/nn", make PYTHON=python3.12

PYTHON = python3
MINUTES = 4
OUT = runs/quickstart
ARGS =
# Each is installed by itself, so that one without a wheel leaves the others.
PEERS = transformers sentence-transformers onnxruntime openvino nncf setfit

BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install -c constraints.txt

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint format bench time-to-loss texts-are-named clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.installed  ## pretrain, test and try a small model on this machine's own text
	$(BIN)/python -m unmask quickstart --minutes $(MINUTES) --out $(OUT) $(ARGS)

test: .venv/.installed-dev  ## run the tests
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: .venv/.installed-dev  ## check rules, format and types
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy --strict unmask

format: .venv/.installed-dev  ## repair what the rules and the format can repair
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

bench: .venv-bench/.installed  ## measure against the peers, in an environment of its own: an hour
	.venv-bench/bin/python -m unmask bench --work runs/bench $(ARGS)

# Idle threads sleep, so that a neighbour on the machine costs little.
time-to-loss: texts-are-named .venv-bench/.installed  ## measure in which time pretraining reaches a peer's loss: two and a half hours
	OMP_WAIT_POLICY=PASSIVE .venv-bench/bin/python -m unmask.bench.time_to_loss --work runs/time-to-loss $(ARGS)

# Before minutes of installing.
texts-are-named:
	@case '$(ARGS)' in *--help*|*--text*--held-out*|*--held-out*--text*) ;; *) \
	  echo 'time-to-loss needs texts: make time-to-loss ARGS="--text train.txt --held-out valid.txt"' >&2; \
	  exit 2;; esac

clean:  ## remove caches and built files; .venv and runs stay
	rm -rf build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -path './.venv*' -prune -o -type d -name __pycache__ -exec rm -rf {} +

# pip is what a venv gets last: where it exists, the venv was finished.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit("unmask needs Python 3.11 or newer, and $(PYTHON) is " \
	  + sys.version.split()[0] + ": name another, as in make PYTHON=python3.12" \
	  if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv-bench/.installed: pyproject.toml constraints.txt
	@echo "Installing unmask and its peers into .venv-bench: some minutes the first time."
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -c constraints.txt -e '.[bench-texts]'
	@for peer in $(PEERS); do \
	  .venv-bench/bin/python -m pip install -c constraints.txt -e ".[bench-$$peer]" || \
	  echo "$$peer cannot be installed here: its rows will say so. To try again, remove $@." >&2; \
	done
	@touch $@

# What a user's machine has: no development tools, so the demo reads the text that a user would have.
.venv/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing unmask and what it needs into .venv: some minutes the first time."
	$(INSTALL) -e .
	@touch $@

.venv/.installed-dev: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing unmask with its development tools into .venv: some minutes the first time."
	$(INSTALL) -e '.[dev,data,sentences]'
	@touch .venv/.installed $@
