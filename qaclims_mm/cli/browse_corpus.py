"""Show what the VQA model said about an image: qaclims browse-corpus CORPUS IMAGE_ID."""

import argparse

from qaclims_mm.console import Table, new_console, styled


def main() -> None:
    """Print a table for each class: bold class, green foreground, red background."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('corpus', help='folder of the corpus')
    parser.add_argument('image_id')
    args = parser.parse_args()
    # these take seconds, and --help does not need them
    from qaclims_mm.corpus.store import VQACorpus

    corpus = VQACorpus(args.corpus)
    try:
        rows = corpus[args.image_id]
    except KeyError as error:
        raise SystemExit(error.args[0]) from error
    console = new_console()
    for name in dict.fromkeys(r['class_name'] for r in rows):
        title = styled((name, 'bold italic'), (f' in {args.image_id}', 'italic'))
        table = Table(title=title)
        for heading in ('question', 'answer', 'text', 'score'):
            table.add_column(heading)
        for row in rows:
            if row['class_name'] == name:
                style = 'green' if row['kind'] == 'fg' else 'red'
                cells = (row[k] for k in ('question', 'answer', 'text'))
                table.add_row(*cells, f'{row["score"]:.2f}', style=style)
        console.print(table)
