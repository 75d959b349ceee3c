#!/usr/bin/env bash
# Sourced by the other scripts: an environment with the package. Keeps the active one if it has the package, else makes and reuses .venv.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
has_package() { "$1" -c 'import qaclims_mm, mmseg, mmpretrain, open_clip, transformers' >/dev/null 2>&1; }
if [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] || ! has_package python; then
    PYTHON=${PYTHON:-python3}
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        || { echo "Python 3.11 or newer is needed; set PYTHON to it." >&2; exit 1; }
    [ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
    # shellcheck disable=SC1091
    source .venv/bin/activate
    # the stamp holds what was installed, so that a changed setup.py installs again
    stamp=.venv/qaclims_mm.installed
    if ! cmp -s setup.py "$stamp" || ! has_package python; then
        echo "Installing into .venv (a few minutes, about 6 GB) ..."
        python -m pip install --quiet --upgrade pip wheel setuptools
        python -m pip install --quiet torch torchvision
        python -m pip install --quiet -e '.[all]'
        cp setup.py "$stamp"
    fi
fi
export HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1}
# Threads that wait sleep: where other programs use the cores too, spinning ones make a step four times as long.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
# Memory once freed is kept for the next step: giving it back and taking it again costs some 20,000 page faults a training step on a CPU.
export MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-33554432} MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-4294967296}
