# The noise floor on two threads: start it with OMP_NUM_THREADS=2, in a work dir of its own.
_base_ = './noise_floor.py'
title = 'Noise of a training on two threads'
