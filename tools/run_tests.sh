#!/usr/bin/env bash
# Sets up, then lint, types, all tests that this machine can run and the tiny benchmarks, which fail below half of a bar.
# Flags go to pytest, and nothing follows it: bash tools/run_tests.sh -m "not slow"
# --cov as its only flag measures coverage, too: it fails below 80 % (pyproject.toml), or 90 % of the layers that need no mmcv.
set -euo pipefail
EXTRA=dev
source "$(dirname "$0")/setup_env.sh"
export TOKENIZERS_PARALLELISM=false
# Without a browser the test that opens a report in one is skipped.
if ! command -v chromium >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } >/dev/null 2>&1 || true
fi
ruff check .
ruff format --check .
codespell
mypy qaclims_mm tools
# two files of tests at a time, each on one thread; in the given order, which has no long test at its end
tests=(env OMP_NUM_THREADS=1 python -m pytest --durations=10 -n 2 --dist loadfile --no-loadscope-reorder)
if [ "$*" = --cov ]; then
    "${tests[@]}" -m "not gpu and not slurm" --cov --cov-report=
    coverage report --skip-covered
    exec coverage report --skip-covered --include='*/functional/*,*/schemas/*,*/corpus/*,*/vlms/*' --fail-under=90
fi
if [ $# -gt 0 ]; then exec "${tests[@]}" "$@"; fi
"${tests[@]}" -m "not gpu and not slurm"
python -m benchmarks all --size tiny
