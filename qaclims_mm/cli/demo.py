"""Serve a web page on which images are dropped and segmented: qaclims demo [MODEL].

MODEL is a project, the work dir of a run, the folder of a stage in it, a checkpoint of a stage, or
a file of qaclims publish. For a project or a work dir, the page uses its network of activation
maps, its VQA model and its segmentor. Without MODEL, it uses MiniWorld's networks, which ship with
the package.
"""

import argparse
import socket
from typing import TYPE_CHECKING

from qaclims_mm.console import new_console
from qaclims_mm.demo.temporary import stoppable, temporary_files
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.paths import config_file

if TYPE_CHECKING:
    from qaclims_mm.demo.networks import Networks


def main() -> int:
    """Load the networks and serve the page until it is stopped."""
    parser = _parser()
    args = parser.parse_args()
    if _is_taken(args.host, args.port):
        parser.error(f'port {args.port} of {args.host} is taken; choose another one (--port)')
    with stoppable(), temporary_files():
        _serve(args)
    return 0


def _serve(args: argparse.Namespace) -> None:
    # after the arguments are read and temporary files have their folder: these take seconds
    from qaclims_mm.demo.model import Explainer
    from qaclims_mm.demo.page import Page
    from qaclims_mm.demo.serving import serve
    from qaclims_mm.schemas.names import counted

    console = new_console()
    networks = _networks(args)
    for line in networks.lines:
        console.print(line, soft_wrap=True)
    with console.status('loading the networks'):
        explainer = Explainer(networks, args.refiner_weights, args.device, args.max_side)
        explainer.warm_up()

    def ready() -> None:
        if networks.warning:
            console.print(networks.warning, soft_wrap=True)
        classes = counted(len(explainer.class_names), 'class')
        console.print(f'{classes}; http://{args.host}:{args.port}')

    serve(
        Page(explainer, args.max_images).build(),
        ready,
        server_name=args.host,
        server_port=args.port,
        max_file_size=f'{args.max_mb}mb',
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=CONFIGS_ARE_CODE + ' Without --config, --qape and --refiner none is executed.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('model', nargs='?', help='project, work dir, stage, checkpoint or published file')
    add(
        '--config',
        help='config of a checkpoint that has none beside it; without MODEL a network of maps that '
        'needs no checkpoint',
    )
    add('--qape', help='config of the stage that asks a VQA model, or none to ask nothing')
    add('--refiner', help='config of PAR, SAM or IRN, which refine the masks')
    add('--refiner-weights', help='checkpoint of a refiner that was trained')
    add('--device', help='default: a GPU if there is one')
    add('--max-side', type=int, help='longest side in pixels of what is read')
    add('--max-mb', type=int, default=64, help='largest file; default 64')
    add('--max-images', type=int, default=20, help='most images at once; default 20')
    add('--host', default='127.0.0.1', help='default 127.0.0.1, this machine alone')
    add('--port', type=int, default=7860, help='default 7860')
    return parser


def _networks(args: argparse.Namespace) -> 'Networks':
    """Return the networks that the options name."""
    from dataclasses import replace

    from qaclims_mm.demo.networks import find_networks, network_of_config, shipped_networks
    from qaclims_mm.engine.config import read_config

    if args.model:
        found = find_networks(args.model, args.config)
    elif args.config:
        found = network_of_config(args.config)
    else:
        found = shipped_networks()
    if args.qape == 'none':
        found = replace(found, qape=None)
    elif args.qape:
        found = replace(found, qape=read_config(config_file(args.qape)))
    if args.refiner:
        found = replace(found, refiner=read_config(config_file(args.refiner)))
    return found


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as test:
        return test.connect_ex((host, port)) == 0
