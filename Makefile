# Everything is done by bootstrap.py, so that Windows has the same commands: `py bootstrap.py lab`.
PYTHON ?= python3
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help lab test bench lock

help:
	@echo 'make lab     open the course in JupyterLab (the first time: install it, in .venv)'
	@echo 'make test    run every check: lint, format, types, tests, notebooks'
	@echo 'make bench   time the kernels against PyTorch, onnxruntime, SciPy and Java, those that are there'
	@echo 'make lock    resolve the dependencies of pyproject.toml anew (needs uv)'
	@echo 'Options go in ARGS:   make lab ARGS=--no-browser   make test ARGS="-k shapes"'

lab test bench lock:
	@command -v $(PYTHON) >/dev/null || { echo 'cnnkit needs Python 3.11 or newer as $(PYTHON), and there is none on the PATH. Install it, or name yours: make $@ PYTHON=python3.12'; exit 1; }
	@$(PYTHON) bootstrap.py $@ $(ARGS)
