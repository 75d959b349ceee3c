#!/usr/bin/env bash
# Sets up, then lint, types and all tests that this machine can run. Flags go to pytest: bash tools/run_tests.sh -m "not slow"
set -euo pipefail
source "$(dirname "$0")/setup_env.sh"
export TOKENIZERS_PARALLELISM=false
ruff check .
ruff format --check .
codespell
mypy qaclims_mm tools
if [ $# -eq 0 ]; then set -- -m "not gpu"; fi
python -m pytest --durations=10 "$@"
