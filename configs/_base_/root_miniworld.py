# As root.py, for MiniWorld
import os

root = os.environ.get('QACLIMS_ROOT', 'work_dirs/miniworld')
masks_by = os.environ.get('QACLIMS_MASKS')
