"""What ranks run that are started once for several tools, one after the other."""

import json
import runpy
import sys

import torch

from qaclims_mm.engine.compat import leave_process_group

if __name__ == '__main__':
    destroy = torch.distributed.destroy_process_group
    # a group cannot be joined twice under torchrun, so the tools share one
    torch.distributed.destroy_process_group = lambda: None
    for tool, *arguments in json.loads(sys.argv[1]):
        sys.argv = [tool, *arguments, '--launcher', 'pytorch']
        try:
            runpy.run_path(tool, run_name='__main__')
        except SystemExit as ended:
            if ended.code:
                raise
    torch.distributed.destroy_process_group = destroy
    leave_process_group()
