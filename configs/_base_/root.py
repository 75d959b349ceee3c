# The folder in which the stages of one run find each other; set QACLIMS_ROOT for a run of your own.
# os.environ, as mmengine's own syntax for variables would paste the path into code, quotes and all
import os

root = os.environ.get('QACLIMS_ROOT', 'work_dirs/qaclims')
# Stage whose masks segmentors are trained on, set by qaclims run --masks-by; None is a leaf's own
masks_by = os.environ.get('QACLIMS_MASKS')
