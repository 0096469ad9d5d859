# Two commands for everybody: `make demo` and `make test`. Each sets up what it needs in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

# The CPU build of PyTorch. On Linux the plain name brings gigabytes of CUDA, so `+cpu` is asked
# for: from the configured package indexes where they have it, else from PyTorch's own.
TORCH ?= $(shell [ "$$(uname -s)-$$(uname -m)" = Linux-x86_64 ] && echo torch==2.13.0+cpu || echo torch==2.13.0)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# One process a core, one thread a process: threads of BLAS beside each other are slower than none.
WORKERS ?= 2
ONE_THREAD = SCIPY_ARRAY_API=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test test-lowest test-sklearn lint fuzz bench docs glyphs speech words wheel clean

demo: $(READY)
	$(BIN)/sktransfer demo

test: $(READY) lint
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

# scikit-learn's own tests of pipelines, run against ours (tests/sklearn_suites).
test-sklearn: $(READY)
	$(ONE_THREAD) $(BIN)/python -m tests.sklearn_suites -n $(WORKERS)

# The quick tests with exactly the oldest versions that pyproject.toml allows, in an environment of
# their own. Torch is not in it: tests of networks are not among these.
LOWEST = $(VENV)-lowest
test-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --progress-bar off --quiet $$($(PYTHON) tools/lowest_versions.py pandas) polars pytest pytest-xdist
	$(ONE_THREAD) PYTHONPATH=. $(LOWEST)/bin/python -m pytest -q -n $(WORKERS) -p no:cacheprovider \
	    tests/_kernels tests/feature tests/instance tests/test_contract.py tests/test_laws.py \
	    tests/test_pipeline.py tests/test_domains.py tests/test_packing.py tests/test_magnitude.py $(PYTEST_ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

# Thousands of seeded hostile inputs; `make fuzz CASES=5000 TARGETS=images` for more of one kind.
CASES ?= 2000
fuzz: $(READY)
	$(ONE_THREAD) $(BIN)/python -m tests.fuzz --cases $(CASES) $(TARGETS)

bench: $(READY)
	$(BIN)/python -m benchmarks all

# Guide and gallery, warnings as errors; the page to open is docs/_build/html/index.html. It loads
# every file from its own folder, without a network.
docs: $(READY)
	$(BIN)/pip install --progress-bar off --quiet --editable '.[docs]'
	$(ONE_THREAD) $(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	$(BIN)/python tools/offline.py docs/_build/html

glyphs: $(READY)
	$(BIN)/python -m tools.glyphs --out sktransfer/deep/weights

# Half an hour on one processor; it goes on after an interruption. Needs espeak-ng (Debian).
speech: $(READY)
	$(BIN)/pip install --quiet --editable '.[audio,torch]'
	$(ONE_THREAD) $(BIN)/python -m tools.speech --out sktransfer/deep/weights

words: $(READY)
	$(BIN)/python -m tools.words --out sktransfer/deep/weights/words.npz

wheel: $(READY)
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

$(READY): pyproject.toml Makefile
	$(PYTHON) -m venv $(VENV)
	@if $(BIN)/pip install --quiet --dry-run --no-deps '$(TORCH)' >/dev/null 2>&1; \
	then index=''; else index='--extra-index-url $(TORCH_INDEX)'; fi; \
	echo "installing sktransfer with $(TORCH) into $(VENV)"; \
	$(BIN)/pip install --progress-bar off --quiet $$index '$(TORCH)' --editable '.[torch,test]'
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-lowest dist build *.egg-info
