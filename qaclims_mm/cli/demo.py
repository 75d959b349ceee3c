"""A web page on which images are dropped and segmented: qaclims demo.

Without arguments it runs on MiniWorld's networks, which ship with the package.
"""

import argparse
import socket

import numpy as np

from qaclims_mm.console import new_console
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.paths import config_file

DEFAULTS = dict(
    config='qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112',
    weights='miniworld://qa_clims/r18-mini.safetensors',
    qape='qape_blip-mini_fg6-bg10_miniworld-112x112',
    refiner='par_qa-clims_miniworld-112x112',
)
CONFIGS = ('config', 'qape', 'refiner')


def main() -> int:
    """Load the networks and serve the page until it is stopped."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=CONFIGS_ARE_CODE)
    parser.add_argument('config', nargs='?', help='of a network that makes maps')
    parser.add_argument('weights', nargs='?', help='its checkpoint, or none if it needs none')
    parser.add_argument('--qape', help='config of the stage that asks a VQA model')
    parser.add_argument('--refiner', help='config of PAR, SAM or IRN, which refine the masks')
    parser.add_argument('--refiner-weights', help='checkpoint of a refiner that was trained')
    parser.add_argument('--device', help='by default a GPU if there is one')
    parser.add_argument('--max-side', type=int, help='longest side in pixels of what is read')
    parser.add_argument('--max-mb', type=int, default=64, help='largest file; default 64')
    parser.add_argument('--host', default='127.0.0.1', help='default 127.0.0.1, this machine alone')
    parser.add_argument('--port', type=int, default=7860, help='default 7860')
    args = parser.parse_args()
    if args.config and not args.weights:
        parser.error('a config needs the checkpoint of its network too, or none')
    if _is_taken(args.host, args.port):
        parser.error(f'port {args.port} of {args.host} is taken; choose another one (--port)')
    # after the arguments are read: these take seconds
    from qaclims_mm.demo.model import Explainer
    from qaclims_mm.demo.page import CSS, Page

    shipped = not args.config
    names = {k: getattr(args, k) or (v if shipped else None) for k, v in DEFAULTS.items()}
    if names['weights'] == 'none':
        names['weights'] = None
    for key in CONFIGS:
        if name := names[key]:
            names[key] = config_file(name)
    console = new_console()
    with console.status('loading the networks'):
        explainer = Explainer(
            **names,
            refiner_weights=args.refiner_weights,
            device=args.device,
            max_side=args.max_side or (224 if shipped else None),
        )
        explainer.warm_up()
    page = Page(explainer, _draw if shipped else None).build()
    page.launch(
        server_name=args.host,
        server_port=args.port,
        max_file_size=f'{args.max_mb}mb',
        share=False,
        quiet=True,
        footer_links=[],
        css=CSS,
        state_session_capacity=200,
        prevent_thread_lock=True,
    )
    console.print(f'{len(explainer.class_names)} classes; http://{args.host}:{args.port}')
    page.block_thread()
    return 0


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as test:
        return test.connect_ex((host, port)) == 0


def _draw() -> np.ndarray:
    """Return a picture of MiniWorld that no network was trained on."""
    from qaclims_mm.miniworld.generate import make_picture

    index = int(np.random.default_rng().integers(2**31))
    return make_picture(seed=999, index=index, size=112)[1].image
