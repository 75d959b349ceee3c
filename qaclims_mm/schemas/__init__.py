"""Every file that passes between stages: how it is written, read and checked.

All files appear whole (temporary file, then rename) or not at all, and none can carry code: no
pickle, no object arrays.
"""

from qaclims_mm.schemas.cams import (
    BROKEN_NPZ,
    Cams,
    read_cams,
    strided_size,
    write_cams,
)
from qaclims_mm.schemas.claims import (
    CLAIM,
    claim_folder,
    claim_path,
    read_claim,
    write_claim,
)
from qaclims_mm.schemas.corpus import (
    CORPUS_SCHEMA,
    SHARD_SIZE,
    ImageRecord,
    ShardRecords,
    hash_shards,
    ids_by_shard,
    number_of_shards,
    read_records,
    read_shard,
    shard_of,
    shard_path,
)
from qaclims_mm.schemas.files import (
    METRICS,
    atomic_path,
    file_of,
    hash_file,
    image_id_of,
    join_problems,
    read_json,
    read_metrics,
    temporary_path,
    update_metrics,
    write_json,
)
from qaclims_mm.schemas.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    Manifest,
    hash_config,
    manifest_hash,
)
from qaclims_mm.schemas.masks import (
    IGNORE_INDEX,
    read_mask,
    resize_mask,
    voc_palette,
    write_mask,
)
from qaclims_mm.schemas.names import (
    drawn_name,
    problem_of_characters,
    problem_of_image_id,
    problem_of_name,
    shown_name,
)
from qaclims_mm.schemas.run_config import (
    MODES,
    RunConfig,
    read_run_config,
    run_config_path,
    write_run_config,
)
from qaclims_mm.schemas.tables import (
    read_parquet,
    write_parquet,
)
from qaclims_mm.schemas.text_bank import (
    TEXT_INDEX_SCHEMA,
    TextBankFiles,
    check_text_bank,
    read_text_bank,
    write_text_bank,
)

__all__ = [
    'BROKEN_NPZ',
    'CLAIM',
    'CORPUS_SCHEMA',
    'IGNORE_INDEX',
    'MANIFEST',
    'METRICS',
    'MODES',
    'SCHEMA_VERSION',
    'SHARD_SIZE',
    'TEXT_INDEX_SCHEMA',
    'Cams',
    'ImageRecord',
    'Manifest',
    'RunConfig',
    'ShardRecords',
    'TextBankFiles',
    'atomic_path',
    'check_text_bank',
    'claim_folder',
    'claim_path',
    'drawn_name',
    'file_of',
    'hash_config',
    'hash_file',
    'hash_shards',
    'ids_by_shard',
    'image_id_of',
    'join_problems',
    'manifest_hash',
    'number_of_shards',
    'problem_of_characters',
    'problem_of_image_id',
    'problem_of_name',
    'read_cams',
    'read_claim',
    'read_json',
    'read_mask',
    'read_metrics',
    'read_parquet',
    'read_records',
    'read_run_config',
    'read_shard',
    'read_text_bank',
    'resize_mask',
    'run_config_path',
    'shard_of',
    'shard_path',
    'shown_name',
    'strided_size',
    'temporary_path',
    'update_metrics',
    'voc_palette',
    'write_cams',
    'write_claim',
    'write_json',
    'write_mask',
    'write_parquet',
    'write_run_config',
    'write_text_bank',
]
