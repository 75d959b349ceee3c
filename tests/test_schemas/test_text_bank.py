import numpy as np
import pytest
import torch

from qaclims_mm import schemas
from qaclims_mm.errors import FormatError


def test_text_bank_round_trip_and_refusals(tmp_path):
    index = dict(image_id=['i'], class_name=['dog'], label=[0], fg=[[1]], bg=[[]], no=[2])
    embeddings = np.eye(3, 4)
    schemas.write_text_bank(tmp_path, embeddings, ['dog', 'puppy', 'no dog'], index, dict(clip='c'))
    bank = schemas.read_text_bank(tmp_path)
    assert bank.embeddings.dtype == torch.float16
    np.testing.assert_array_equal(bank.embeddings, embeddings)
    assert bank.metadata == dict(schema='1', clip='c')
    assert bank.index.to_pylist()[0] == {k: v[0] for k, v in index.items()}
    schemas.write_json(tmp_path / 'texts.json', ['dog'])
    with pytest.raises(FormatError, match='1 text but 3 embeddings'):
        schemas.read_text_bank(tmp_path)
    path = tmp_path / 'texts.safetensors'
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(FormatError, match='is broken'):
        schemas.read_text_bank(tmp_path)
    path.unlink()
    with pytest.raises(FormatError, match=r'make the text bank with qaclims encode-texts'):
        schemas.read_text_bank(tmp_path)
