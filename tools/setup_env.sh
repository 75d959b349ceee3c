#!/usr/bin/env bash
# Sourced by the other scripts: an environment with the package and an extra of setup.py, EXTRA, by default all that qaclims run needs.
# Keeps the active environment if it has them, else makes and reuses .venv with the versions of requirements/constraints.txt.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
EXTRA=${EXTRA:-run}
MODULES='qaclims_mm, mmseg, mmpretrain, open_clip, transformers, snakemake'
if [ "$EXTRA" = dev ]; then MODULES="$MODULES, pytest, pytest_timeout, xdist, hypothesis, mypy"; fi
# isolated (-I), or the package would be found in this folder
has_package() { "$1" -I -c "import importlib.util as i, sys; sys.exit(any(i.find_spec(m) is None for m in '$MODULES'.split(', ')))"; }
# what is installed into .venv is written down, so that changed requirements install again; dev has all that the others have
is_current() { for extra in "$EXTRA" dev; do if requirements | cmp -s - ".venv/qaclims_mm.$extra"; then return 0; fi; done; return 1; }
requirements() { cat setup.py requirements/constraints.txt; }
# pip's own words go into a file, whose end is shown if it fails
quietly() { "$@" >>"$log" 2>&1 || { tail -n 20 "$log" >&2; echo "The installation failed; all of its output is in $PWD/$log." >&2; exit 1; }; }
if [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] || ! has_package python; then
    PYTHON=${PYTHON:-python3}
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        || { echo "Python 3.11 or newer is needed; set PYTHON to it." >&2; exit 1; }
    [ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
    # shellcheck disable=SC1091
    source .venv/bin/activate
    log=.venv/install.log
    if ! is_current || ! has_package python; then
        echo "Installing into .venv (a few minutes, about 6 GB; output in .venv/install.log) ..."
        : >"$log"
        quietly python -m pip install --upgrade pip
        quietly python -m pip install --constraint requirements/constraints.txt --editable ".[$EXTRA]"
        requirements >".venv/qaclims_mm.$EXTRA"
    fi
fi
export HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1}
# qaclims sets these itself (qaclims_mm/cli/_process.py, with the reasons); here they are for pytest and the benchmarks
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
export MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-33554432} MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-4294967296}
