# Two commands do everything: `make run` and `make test`. Both set up what they need in .venv.
PYTHON ?= python3
BIN := .venv/bin
HOME_DIR := .okr

.PHONY: install run ui test lint bench lock clean

run: .venv/installed ## the demo: two nights of the sandbox, then the table of fifteen and the page
	@$(BIN)/okr run --sandbox --home $(HOME_DIR) --date 2026-11-14
	@$(BIN)/okr run --sandbox --home $(HOME_DIR) --date 2026-11-15

ui: .venv/installed ## Dagster on http://127.0.0.1:3000
	@$(BIN)/okr ui --sandbox --home $(HOME_DIR)

test: lint ## lint + types + tests
	$(BIN)/python -m pytest -n 2

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/okr check --sandbox

bench: .venv/installed ## speed and memory, as ratios
	$(BIN)/python -m benchmarks.landing
	$(BIN)/python -m benchmarks.night
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.scoring
	$(BIN)/python -m benchmarks.pull
	$(BIN)/python -m benchmarks.ga4
	$(BIN)/python -m benchmarks.page

install: .venv/installed

# What is installed is what was tested: names, versions and hashes of requirements.lock, then this package itself.
.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit('okr-pipeline needs Python 3.11 or newer; try: make PYTHON=python3.12') if sys.version_info < (3, 11) else 0"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

lock: ## after changing pyproject.toml: resolve again, for every platform, and pin
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-header --no-annotate --upgrade -o requirements.lock pyproject.toml

clean:
	rm -rf .venv .okr
