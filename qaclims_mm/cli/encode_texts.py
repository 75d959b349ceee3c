"""Make the text bank of a RITC config: qaclims encode-texts CONFIG.

The config's ``text_encoding`` names the corpus, CLIP, prompt, filter, question groups and, if the
answers are edited, the edit. Its ``model.text_bank`` names the folder.
"""

from qaclims_mm.console import new_console
from qaclims_mm.engine.parser import base_parser
from qaclims_mm.errors import ConfigError, DataError
from qaclims_mm.progress import new_progress
from qaclims_mm.schemas import hash_config
from qaclims_mm.schemas.names import counted


def main() -> None:
    """Read the corpus, encode each distinct text once, write the bank and its manifest."""
    parser = base_parser(__doc__)
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.corpus.edits import edited_rows
    from qaclims_mm.corpus.store import VQACorpus
    from qaclims_mm.corpus.text_bank import TextIndex, encode_index, save_text_bank
    from qaclims_mm.engine.config import load_config
    from qaclims_mm.registry import MODELS

    whole = load_config(args)
    cfg, folder = whole.get('text_encoding'), whole.get('model', {}).get('text_bank')
    if cfg is None or folder is None:
        raise ConfigError(
            f'{args.config} has no text_encoding or no model.text_bank: its texts are not of a '
            'corpus. Take a config of RITC.'
        )
    corpus = VQACorpus(cfg.corpus)
    index = TextIndex(cfg.bg_filter, cfg.groups)
    with new_progress() as progress:
        task = progress.add_task('reading the corpus', total=len(corpus))
        for rows in edited_rows(corpus, cfg.get('edit')):
            index.add_image(rows)
            progress.advance(task)
        index.sort()
        if not index.columns['label']:
            raise DataError(
                f'{cfg.corpus} has no answers: no image had a label, or none could be read; see '
                'the log of the stage that asks the VQA model.'
            )
        head = MODELS.build(cfg.text_head).load()
        task = progress.add_task('encoding texts', total=len(index.texts))
        embeddings = encode_index(
            index, head.encode, cfg.prompt, lambda n: progress.advance(task, n)
        )
    counts = save_text_bank(folder, index, embeddings, head, cfg.prompt, corpus, hash_config(cfg))
    texts, pairs = counted(counts['texts'], 'text'), counted(counts['pairs'], 'pair')
    new_console().print(f'{texts} of {pairs} in {folder}')
