# make book        build the book (only Python 3.11+ and make are needed)
# make test        check everything: library, chapters, pages
# make lab         open the chapters in JupyterLab
# make notebooks   execute every chapter again and store its outputs
# make bench       measure speed against the peers
# make clean       remove what was built;  make distclean  removes environments and downloads too
PYTHON ?= python3
BOOK := .venv-book/bin/python
FULL := .venv/bin/python
PYTEST := $(FULL) -m pytest

.PHONY: book test lint unit chapters lab notebooks bench clean distclean
.DEFAULT_GOAL := book

book: .venv-book/.installed
	$(BOOK) book/tools/build_book.py

test: lint book unit chapters

lint: .venv/.installed
	$(FULL) -m ruff check .

unit: .venv/.installed
	$(PYTEST) tests

chapters: .venv/.installed
	$(PYTEST) notebooks --nbval --nbval-cell-timeout 120 -n 2 --dist loadfile

lab: .venv/.installed
	$(FULL) -m jupyter lab notebooks

notebooks: .venv/.installed
	$(FULL) book/tools/run_notebooks.py

bench: .venv/.installed
	$(PYTEST) tests/benchmarks -o python_files='bench_*.py'

clean:
	rm -rf _build .pytest_cache .ruff_cache .hypothesis .benchmarks

distclean: clean
	rm -rf .venv .venv-book book/_vendor effnet_lib.egg-info

.venv-book/.installed: book/requirements.txt
	@$(PYTHON) book/tools/make_venv.py .venv-book book/requirements.txt

.venv/.installed: requirements.txt pyproject.toml
	@$(PYTHON) book/tools/make_venv.py .venv requirements.txt --editable
