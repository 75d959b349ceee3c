#!/usr/bin/env bash
# bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [flags of test.py]; CHECKPOINT may be none
# Environment: GPUS, GPUS_PER_NODE, CPUS_PER_TASK, PORT, SRUN_ARGS; CPUs with gloo: SRUN_ARGS=--gres=none
set -euo pipefail
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
CHECKPOINT=$4
GPUS=${GPUS:-4}
GPUS_PER_NODE=${GPUS_PER_NODE:-4}
export MASTER_PORT="${PORT:-29500}"
# shellcheck disable=SC2086 - SRUN_ARGS are several words
exec srun --partition="$PARTITION" --job-name="$JOB_NAME" \
    --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" --gres=gpu:"$GPUS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/test.py" "$CONFIG" "$CHECKPOINT" --launcher slurm "${@:5}"
