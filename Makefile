# Bootstrap only: make the environment, then hand over. The work itself is in the Snakefile and the tests.
# Paths are relative and recipes quote them, so a checkout may lie in a folder with spaces. GNU make 3.81 suffices.

PYTHON = python3.11 python3.12 python3.13 python3 python3.14
CHECK = import ensurepip, sys, venv; v = sys.version_info[:2]; (3, 11) <= v <= (3, 14) or sys.exit("Python %d.%d" % v)
# What Snakemake, matplotlib and Jupyter remember stays in the checkout: the home folder may be to read only.
IN_VENV = XDG_CACHE_HOME="$(CURDIR)/.cache" JUPYTER_PATH= JUPYTER_RUNTIME_DIR="$(CURDIR)/.cache/jupyter" \
    IPYTHONDIR="$(CURDIR)/.cache/ipython" PATH="$(CURDIR)/.venv/bin:$$PATH"
# Settings that would send an install somewhere else than into .venv. Those that name a mirror stay.
HERE_ALONE = env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT -u PIP_REQUIRE_VIRTUALENV PIP_USER=0
PIP = $(HERE_ALONE) .venv/bin/python -m pip --disable-pip-version-check --quiet install
UV = .venv/bin/python -m uv --quiet --no-cache pip
LOCK = --extra workflow --extra test --extra build --extra install --universal --python-version 3.11 --fork-strategy fewest
LOCKED = --require-hashes --no-build-isolation --requirement requirements.txt

.PHONY: help env figures smoke verify notebooks lint test bench report crate lock clean

help: ## list these targets
	@awk -F ': .*## |: ## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

env: .venv/project ## make the virtual environment .venv from the hash-locked requirements.txt

figures: env ## the main job: data, runs, notebooks, figures, table of claims, and all on one page
	@echo "Runs, notebooks and figures follow; each job's log is in logs/. Stop with Ctrl-C: make figures goes on."
	$(IN_VENV) python -m snakemake --workflow-profile profiles/default
	@$(IN_VENV) python -m analysis.workflow article >/dev/null
	@echo "Every prediction: figures/claims.md. Figures: figures/. Notebooks with their outputs: results/notebooks/. All on one page: $(CURDIR)/results/report.html"

smoke: env ## every rule on machines far too small to say anything, into results/smoke: some three minutes
	$(IN_VENV) python -m snakemake --workflow-profile profiles/default --configfile config/smoke.yaml \
	    --config out=results/smoke

verify: figures ## rebuild, then compare every dataset and figure with what is committed
	@$(IN_VENV) python -m analysis.workflow verify

notebooks: env ## store the outputs that the committed datasets give in notebooks/
	@$(IN_VENV) python -m analysis.workflow compile --output .cache/compiled # or notebooks would hold what it says of that
	$(IN_VENV) python -m jupyter nbconvert --to notebook --execute --inplace \
	    --ExecutePreprocessor.record_timing=False --ExecutePreprocessor.store_widget_state=False notebooks/*.ipynb

lint: env ## ruff and snakefmt (style, likely bugs), mypy (types), import-linter (rooms import downwards)
	$(IN_VENV) python -m ruff check .
	$(IN_VENV) python -m ruff format --check .
	$(IN_VENV) snakefmt --check Snakefile
	$(IN_VENV) python -m mypy
	$(IN_VENV) lint-imports --no-cache

test: env ## all tests, and the notebooks compared with their stored outputs
	@$(IN_VENV) python -m analysis.workflow compile --output .cache/compiled
	$(IN_VENV) python -m pytest --nbval --nbval-current-env -m 'slow or not slow' tests $(wildcard notebooks)

bench: env ## speed beside numpy, scikit-learn and others: benchmarks/results, a table, a dataset and figures
	$(IN_VENV) python -m benchmarks

report: env ## one page of what is there, results/report.html, a page a chapter in results/report/; runs nothing
	@$(IN_VENV) python -m analysis.workflow article

crate: report ## the results as one RO-Crate, results/crate.zip, to put into an archive
	@$(IN_VENV) python -m analysis.workflow crate

lock: env ## remake requirements.txt from pyproject.toml; UPGRADE=--upgrade takes the newest versions
	$(UV) compile pyproject.toml $(LOCK) $(UPGRADE) \
	    --generate-hashes --no-annotate --no-header --output-file requirements.txt

clean: ## remove the environment, logs and results, but not downloads and runs
	rm -rf .venv .cache .snakemake .pytest_cache .ruff_cache .hypothesis logs *.egg-info
	[ ! -d results ] || find results -type f ! -path '*/runs/*' -delete

# uv takes a third of pip's time, but goes to PyPI alone: pip, which may know a mirror, is there for where that fails.
# connection-pool exists as source only: the locked setuptools builds it, so nothing comes unhashed. On Python 3.14
# immutables has no wheel either, and wants a C compiler: hence the order of PYTHON.
# An environment knows its folder by name: that of a checkout that was moved, or copied, is made anew.
ifneq ($(shell cat .venv/folder 2>/dev/null),$(CURDIR))
.PHONY: moved
.venv/locked: moved
endif

.venv/locked: requirements.txt
	@found=; tried=; for python in $(PYTHON); do \
	    why=$$("$$python" -c '$(CHECK)' 2>&1) && found=$$python && break; \
	    tried="$$tried  $$python: $$(echo "$$why" | tail -n 1)\n"; \
	done; \
	if [ -z "$$found" ]; then \
	    printf 'error: found no Python 3.11 to 3.14 with venv and ensurepip, tried\n%b' "$$tried" >&2; \
	    echo 'Install one (on Debian also python3-venv), or name it: make PYTHON=/path/to/python3.12' >&2; exit 1; \
	fi; \
	echo "Making .venv with $$("$$found" --version); 250 MB to download and 1.1 GB on disk"; \
	"$$found" -m venv --clear .venv
	sed -En '/^(packaging|setuptools|uv|wheel)==/,/[^\]$$/p' requirements.txt > .venv/build.txt
	$(PIP) --require-hashes --requirement .venv/build.txt
	$(UV) install --python .venv/bin/python --compile-bytecode $(LOCKED) || { echo "uv could not: pip will" >&2; $(PIP) $(LOCKED); }
	@echo "$(CURDIR)" >.venv/folder
	@touch $@

.venv/project: .venv/locked pyproject.toml profiles/ipython/ipython_kernel_config.py
	$(PIP) --no-deps --no-build-isolation --editable .
	@mkdir -p .venv/etc/ipython && cp profiles/ipython/ipython_kernel_config.py .venv/etc/ipython/
	@touch $@
	@echo "The environment is ready. make help lists what there is; commands other than make: source .venv/bin/activate first"
