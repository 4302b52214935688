# demo, test, test-full, test-torch, test-gpu, test-oldest, bench, lint, clean. Each target makes the virtual environment it needs under .venv/
# and makes it again when pyproject.toml changes. Needed on the machine: Python 3.11 or newer, git and make.

# The first interpreter that is new enough; say `make PYTHON=... test` for another.
CANDIDATES := python3 python python3.14 python3.13 python3.12 python3.11
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON     := $(shell for p in $(CANDIDATES); do "$$p" $(NEW_ENOUGH) 2>/dev/null && { echo $$p; break; }; done)

PYTEST_ARGS ?=
# How long test-full looks for random programs on which modes disagree.
FUZZ_SECONDS ?= 300
BENCH_ARGS  ?=
OUT         := out

.PHONY: help demo test test-full test-torch test-gpu test-oldest bench lint clean
.DELETE_ON_ERROR:

help:
	@echo "make demo       the article's programs, a Hessian, and a network that resists perturbation"
	@echo "make test       ruff, the strict type check and the tests"
	@echo "make test-full  the same with the slow tests and random programs (for FUZZ_SECONDS=300)"
	@echo "make test-torch the samples of all functions on PyTorch tensors"
	@echo "make test-gpu   the same on CuPy's arrays and PyTorch's on a GPU"
	@echo "make test-oldest the tests of functions and tapes on the oldest NumPy and SciPy (Python 3.11 or 3.12)"
	@echo "make bench      gradtape beside its peers: a table, JSON and a plot (BENCH_ARGS='--help' for options)"
	@echo "make lint       ruff and the strict type check"
	@echo "make clean      removes environments, caches and $(OUT)/"

# One stamp for each environment: .venv/test/.stamp stands for an environment with the extra "test" in it.
.venv/%/.stamp: pyproject.toml
	@"$(PYTHON)" $(NEW_ENOUGH) 2>/dev/null || { \
	  echo "gradtape needs Python 3.11 or newer. Tried: $(or $(PYTHON),$(CANDIDATES))." >&2; \
	  for p in $(or $(PYTHON),$(CANDIDATES)); do \
	    command -v "$$p" >/dev/null 2>&1 && echo "  $$p is $$("$$p" --version 2>&1)" >&2; done; \
	  echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@echo "Making the environment .venv/$* (once; a few minutes at most)"
	@"$(PYTHON)" -m venv $(@D) || { \
	  echo "$(PYTHON) could not make a virtual environment; on Debian and Ubuntu it needs the package python3-venv." >&2; \
	  exit 1; }
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@

# Small matrices, and processes side by side: threads of the linear algebra would only wait for each other.
test test-full test-torch test-gpu test-oldest: export OPENBLAS_NUM_THREADS := 1
test test-full test-torch test-gpu test-oldest: export OMP_NUM_THREADS := 1

demo: .venv/demo/.stamp
	@.venv/demo/bin/python examples/demo.py --out $(OUT)

lint: .venv/lint/.stamp
	.venv/lint/bin/python -m ruff check .
	.venv/lint/bin/python -m mypy

test: .venv/test/.stamp
	.venv/test/bin/python -m ruff check .
	.venv/test/bin/python -m mypy
	.venv/test/bin/python -m pytest -n 2 $(PYTEST_ARGS)
	SCIPY_ARRAY_API=1 .venv/test/bin/python -m pytest -n 2 tests/foreign

test-full: .venv/test/.stamp
	.venv/test/bin/python -m ruff check .
	.venv/test/bin/python -m mypy
	GRADTAPE_FUZZ=3000 .venv/test/bin/python -m pytest -n 2 -m "slow or not slow" $(PYTEST_ARGS)
	.venv/test/bin/python -m tests.random_programs --seconds $(FUZZ_SECONDS)

test-torch: .venv/torch/.stamp
	.venv/torch/bin/python -m pytest -n 2 -k torch tests/test_array_libraries.py tests/test_primitives_on_libraries.py \
	  $(PYTEST_ARGS)

# On a machine with an NVIDIA GPU: CuPy's arrays and PyTorch's on the GPU. GPU_PYTHON names an interpreter that has CuPy,
# PyTorch, array-api-compat, SciPy and pytest already, for where they are part of the machine.
GPU_PYTHON ?= .venv/gpu/bin/python
test-gpu: $(if $(filter .venv/%,$(GPU_PYTHON)),.venv/gpu/.stamp)
	GRADTAPE_GPU=1 PYTHONPATH="src:$$PYTHONPATH" "$(GPU_PYTHON)" -m pytest -k "cupy or cuda" tests/test_array_libraries.py \
	  tests/test_features_on_libraries.py tests/test_primitives_on_libraries.py $(PYTEST_ARGS)

# On NumPy 2.0 and SciPy 1.13, for which there are wheels up to Python 3.12.
test-oldest: .venv/oldest/.stamp
	.venv/oldest/bin/python -m pytest -n 2 tests/test_numpy_*.py tests/test_primitives.py tests/test_untaped.py \
	  tests/test_array_api.py tests/test_indexing.py tests/test_writing.py tests/test_taylor.py tests/test_tf_semantics_*.py \
	  tests/test_sparse*.py tests/test_transforms.py $(PYTEST_ARGS)

# Peers are installed one by one, so that one which cannot be had is absent from the table and no more.
PEERS := tensorflow-cpu jax torch==2.13.0 autograd asdex casadi

.venv/bench/.peers: .venv/bench/.stamp Makefile
	@for peer in $(PEERS); do \
	  echo "Installing $$peer"; \
	  .venv/bench/bin/python -m pip install --quiet --disable-pip-version-check "$$peer" || echo "$$peer: absent"; \
	done
	@touch $@

bench: .venv/bench/.peers
	@.venv/bench/bin/python benchmarks/bench.py --out $(OUT) $(BENCH_ARGS)

clean:
	rm -rf .venv $(OUT) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The official test suite of the array API standard, on a checkout of data-apis/array-api-tests with its submodule:
# on gradtape, and on gradtape while a tape records; with LIBRARY=array_api_strict, jax.numpy or array_api_compat.dask.array
# on that library's arrays, and on the library alone beside it. The suite draws numbers below 1 where it means numbers between
# -1 and 1 (six tests of pow, one draw each); with this seed it draws what it means.
EXAMPLES ?= 200
SEED     ?= 3
LIBRARY  ?=
WORKERS  ?= 2

# What to install for a library's namespace.
PACKAGE_array_api_strict             := array-api-strict
PACKAGE_jax.numpy                    := jax
PACKAGE_array_api_compat.dask.array  := dask[array]

.PHONY: conformance
conformance: .venv/conformance/.stamp
	@$(if $(PACKAGE_$(LIBRARY)),.venv/conformance/bin/python -m pip install --quiet --disable-pip-version-check "$(PACKAGE_$(LIBRARY))")
	@.venv/conformance/bin/python tests/conformance/run.py "$(SUITE)" --examples $(EXAMPLES) --seed $(SEED) --library "$(LIBRARY)" \
	  --workers $(WORKERS)
