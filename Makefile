# make demo   train on real digits, from nothing but Python     make test   the default suite
# Longer suites: make conformance, make fuzz, make fuzz-readers, make soak, make bench   Checks: make lint, make replay
# Each environment is made once under build/ and made again when pyproject.toml changes.

PYTHON ?= python3
DEMO := build/venv-demo
TEST := build/venv-test
PEERS := build/venv-peers
FUZZ := build/venv-fuzz
# BLAS and torch pools in the test processes would fight over the cores.
TESTENV := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test lint format docs conformance fuzz fuzz-readers soak replay bench clean

define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Firth needs Python 3.11 or later; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "making $(@D) (once; pip output in $(@D).log)"
	@mkdir -p build && $(PYTHON) -m venv $(@D)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(@D)/bin/python -m pip install -q -e '.[$(EXTRAS)]' \
	  > $(@D).log 2>&1 || { tail -n 20 $(@D).log; exit 1; }
	@touch $@
endef

$(DEMO)/ready: EXTRAS := vision,plot
$(TEST)/ready: EXTRAS := test
$(PEERS)/ready: EXTRAS := dev
$(FUZZ)/ready: EXTRAS := test,fuzz
$(DEMO)/ready $(TEST)/ready $(PEERS)/ready $(FUZZ)/ready: pyproject.toml
	$(environment)

demo: $(DEMO)/ready
	@$(DEMO)/bin/python examples/digits.py

test: $(TEST)/ready
	@$(TESTENV) $(TEST)/bin/python -m pytest -n 2 $(ARGS)

lint: $(PEERS)/ready
	@$(PEERS)/bin/ruff check . && $(PEERS)/bin/ruff format --check . && $(PEERS)/bin/mypy

format: $(PEERS)/ready
	@$(PEERS)/bin/ruff check --fix . ; $(PEERS)/bin/ruff format .

docs: $(DEMO)/ready
	@$(DEMO)/bin/python -m firth docs docs

# ARRAY_API_TESTS: a checkout of data-apis/array-api-tests; without it that suite is skipped.
conformance: $(PEERS)/ready
	@$(TESTENV) FIRTH_CONFORMANCE=1 ARRAY_API_TESTS=$(ARRAY_API_TESTS) \
	  $(PEERS)/bin/python -m pytest tests/conformance -n 2 -o faulthandler_timeout=0 $(ARGS)

fuzz: $(TEST)/ready
	@$(TESTENV) FIRTH_FUZZ=$${FIRTH_FUZZ:-20000} FIRTH_FUZZ_SEED=$${FIRTH_FUZZ_SEED:-$$(date +%s)} \
	  $(TEST)/bin/python -m pytest tests/fuzz -n 2 -o faulthandler_timeout=0 $(ARGS)

# FIRTH_FUZZ_SECONDS for each reader of files; what is found lies in build/fuzz.
fuzz-readers: $(FUZZ)/ready
	@$(TESTENV) $(FUZZ)/bin/python -m tests.hostile.readers $(ARGS)

soak: $(TEST)/ready
	@$(TESTENV) FIRTH_SOAK=$${FIRTH_SOAK:-100000} $(TEST)/bin/python -m pytest tests/soak -n 2 \
	  -o faulthandler_timeout=0 $(ARGS)

replay: $(TEST)/ready
	@$(TESTENV) $(TEST)/bin/python -m tests.replay $(ARGS)

bench: $(PEERS)/ready
	@$(PEERS)/bin/python -m benchmarks $(ARGS)

clean:
	@rm -rf build out .pytest_cache .mypy_cache .ruff_cache .hypothesis
