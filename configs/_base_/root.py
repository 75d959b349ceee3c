# The folder in which the stages of one run find each other; set QACLIMS_ROOT for a run of your own.
# mmengine's {{$QACLIMS_ROOT:..}} would paste the path into this code, quotes and all
import os

root = os.environ.get('QACLIMS_ROOT', 'work_dirs/qaclims')
