import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from qaclims_mm.models.segmentors.tta import MeanProbabilityTTA


class Module(nn.Module):
    def test_step(self, data):
        """Not called here."""


def copy_of(logits, **meta):
    return SegDataSample(
        metainfo=meta,
        seg_logits=PixelData(data=logits),
        gt_sem_seg=PixelData(data=torch.zeros(1, *logits.shape[1:])),
    )


def test_scores_and_labels_are_those_of_the_mean_probability():
    # one sure of class 1, two a little for class 0: the mean logit would say 1
    logits = [torch.tensor([0.0, 9.0]), torch.tensor([2.0, 0.0]), torch.tensor([2.0, 0.0])]
    copies = [
        copy_of(x.view(2, 1, 1).expand(2, 3, 4), img_path=str(i)) for i, x in enumerate(logits)
    ]
    [sample] = MeanProbabilityTTA(module=Module()).merge_preds([copies])
    wanted = sum(x.softmax(0) for x in logits) / 3
    torch.testing.assert_close(sample.seg_logits.data[:, 0, 0], wanted)
    assert sample.pred_sem_seg.data.shape == (1, 3, 4)
    assert sample.pred_sem_seg.data.unique().tolist() == [0]
    assert sample.img_path == '0'
    assert 'gt_sem_seg' in sample
