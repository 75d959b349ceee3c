import numpy as np
import torch

from qaclims_mm.registry import EVALUATOR
from qaclims_mm.schemas import read_mask


def test_files_are_written_and_no_manifest(tmp_path):
    writer = dict(type='PseudoMaskWriter', out_dir=str(tmp_path))
    built = EVALUATOR.build(dict(type='ShardEvaluator', metrics=[writer]))
    sample = dict(
        image_id='a', cam_class_indices=torch.tensor([2]), refined_maps=torch.ones(1, 4, 5)
    )
    built.process([sample])
    assert built.evaluate(2) == {}
    assert [p.name for p in tmp_path.iterdir()] == ['a.png']
    assert np.unique(read_mask(tmp_path / 'a.png')).tolist() == [3]
