#!/usr/bin/env bash
# bash tools/dist_train.sh CONFIG NUMBER_OF_RANKS [flags of train.py]; GPUs with nccl, without a GPU ranks on CPUs with gloo
set -euo pipefail
CONFIG=$1
RANKS=$2
exec python "$(dirname "$0")/dist_run.py" \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$RANKS" \
    "$(dirname "$0")/train.py" "$CONFIG" --launcher pytorch "${@:3}"
