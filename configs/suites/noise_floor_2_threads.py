# The noise floor once more, for a table of its own. Run it with OMP_NUM_THREADS=2 and another
# --work-dir, as a work dir does not train a row again.
_base_ = './noise_floor.py'
title = 'Noise of a training on two threads'
