"""The same as ``qaclims export-onnx``."""

import sys

from qaclims_mm.cli import main

if __name__ == '__main__':
    main(['export-onnx', *sys.argv[1:]])
