#!/usr/bin/env bash
# Sets up, then runs everything on MiniWorld: questions and answers, texts, the maps of the baseline and of QA-CLIMS, masks by IRN, a trained
# DeepLabV2, a table, a sheet of pictures and a report. About nine minutes on two cores; run again, it goes on where it stopped.
set -euo pipefail
if [ "${1:-}" = --help ] || [ "${1:-}" = -h ]; then sed -n '2,3s/^# //p' "$0"; exit; fi
source "$(dirname "$0")/setup_env.sh"
export TOKENIZERS_PARALLELISM=false
exec qaclims quickstart "$@"
