#!/usr/bin/env bash
# bash tools/dist_test.sh CONFIG CHECKPOINT NUMBER_OF_RANKS [flags of test.py]; CHECKPOINT may be none
set -euo pipefail
CONFIG=$1
CHECKPOINT=$2
RANKS=$3
exec python "$(dirname "$0")/dist_run.py" \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$RANKS" \
    "$(dirname "$0")/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
