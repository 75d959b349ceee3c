"""Names of the files and folders of a work dir, which stages fill and other parts read."""

import re

from qaclims_mm.schemas.claims import CLAIM
from qaclims_mm.schemas.files import METRICS
from qaclims_mm.schemas.manifest import MANIFEST
from qaclims_mm.schemas.run_config import MODES

# logs of the stages, and how they ran
LOGS, RUNS = 'logs', 'runs.json'
# which plan, seed and version have filled it, in its logs
PLAN_NOTE = 'plan.json'
# which files a stage has made, in its folder; claim and manifest lie beside it
OUTPUTS = 'outputs.json'
# what Snakemake remembers
SNAKEMAKE = '.snakemake'
# finished files of stages that are made again
BEFORE = '.before'
# IoU at every threshold, and the journal of its counts, in a stage's folder
CURVE, JOURNAL = 'curve.json', 'journal'
CORPUS = 'qape/corpus'
# folders with one file an image, in a stage's folder
CAMS, IR_LABELS, PSEUDO_MASKS, PREDICTIONS = 'cams', 'ir_labels', 'pseudo_masks', 'predictions'
# masks that people have corrected, and what qaclims review and compare write; no stage makes them
CORRECTED, REVIEW, COMPARE = 'corrected', 'review', 'compare'

# Regular expression of the paths of logs, POSIX, but for ``RUNS``
LOG = rf'.*/{LOGS}/(?!{re.escape(RUNS)})[^/]*\.(json|tsv|log|lock)'
# Regular expressions of whole paths, POSIX, {kind of file: pattern}. A group ``folder`` is the
# folder of a stage, which has a manifest; a group ``image_id`` is the image of the file.
PATTERNS = {
    'left over': r'.*\.tmp',
    # in a folder of its own while a run writes shards of another number
    'corpus shard': r'(?P<folder>.*?)/(?:next-\d{5,9}/)?part-\d{5,9}\.parquet',
    'text bank': r'(?P<folder>.*)/texts\.safetensors',
    'activation maps': rf'(?P<folder>.*/{CAMS})/(?P<image_id>.+)\.npz',
    'mask': rf'(?P<folder>.*/(?:{IR_LABELS}|{PSEUDO_MASKS}|{CORRECTED}))/(?P<image_id>.+)\.png',
    'manifest': rf'.*/{re.escape(MANIFEST)}',
    'claim': rf'.*/{re.escape(CLAIM)}',
    'stage': rf'(?P<folder>.*)/{re.escape(OUTPUTS)}',
    'run config': rf'.*/({"|".join(MODES)})_config\.json',
    'metrics': rf'.*/{re.escape(METRICS)}',
    'curve': rf'.*/{re.escape(CURVE)}',
    'journal': rf'.*/{JOURNAL}/part-[0-9a-f]{{16}}\.npz',
    'runs': rf'.*/{LOGS}/{re.escape(RUNS)}',
}
