#!/usr/bin/env bash
# bash tools/gpu_check.sh [OUT_FOLDER]: all checks that need a GPU, and the table of docs/benchmarks.md, in under 8 minutes.
# RANKS is the number of GPUs, all by default; DEVICE=cpu SIZE=tiny RANKS=2 goes the same way without one.
set -euo pipefail
EXTRA=dev
source "$(dirname "$0")/setup_env.sh"
OUT=${1:-work_dirs/gpu_check}
DEVICE=${DEVICE:-cuda}
SIZE=${SIZE:-full}
RANKS=${RANKS:-$(python -c 'import torch; print(max(1, torch.cuda.device_count()))')}
MINI=configs/miniworld
QA=$MINI/qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py
SEG=$MINI/deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112.py
export TOKENIZERS_PARALLELISM=false
mkdir -p "$OUT"
if [ "$DEVICE" = cuda ]; then python -m pytest -q -m gpu; fi
python -m benchmarks all --device "$DEVICE" --size "$SIZE" --out "$OUT/benchmarks"
# answers and texts on one GPU, then RITC and DeepLabV2 as users with several start them
qaclims run configs/pipelines/miniworld_qa-clims.py --work-dir "$OUT/miniworld" --to texts
ONE_EPOCH=(--cfg-options train_cfg.max_epochs=1 param_scheduler.0.end=1)
bash tools/dist_train.sh "$QA" "$RANKS" --amp --work-dir "$OUT/miniworld/qa_clims" "${ONE_EPOCH[@]}"
bash tools/dist_train.sh "$SEG" "$RANKS" --amp --work-dir "$OUT/miniworld/segment_full" "${ONE_EPOCH[@]}"
bash tools/dist_test.sh "$QA" "$OUT/miniworld/qa_clims/epoch_1.pth" "$RANKS" --work-dir "$OUT/miniworld/qa_clims"
bash tools/dist_test.sh "$SEG" "$OUT/miniworld/segment_full/epoch_1.pth" "$RANKS" --work-dir "$OUT/miniworld/segment_full"
echo "all GPU checks passed; the numbers are in $OUT/benchmarks/*.json and $OUT/miniworld/*/metrics.json"
