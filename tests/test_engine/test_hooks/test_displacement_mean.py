from types import SimpleNamespace

import torch
from mmengine.model import BaseModel
from torch import nn

from qaclims_mm.engine.hooks.displacement_mean import DisplacementMeanHook


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer('mean', torch.tensor([9.0, 9.0]))

    def forward(self, inputs):
        """The first two channels; centred but in training, as IRN's head does."""
        return inputs[:, :2] - (0 if self.training else self.mean.view(1, 2, 1, 1))


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.displacement_head = Head()

    def forward(self, inputs):
        return None, self.displacement_head(inputs)


def runner(epoch, batches):
    return SimpleNamespace(
        epoch=epoch,
        max_epochs=3,
        model=Model().train(),
        train_dataloader=[dict(inputs=x) for x in batches],
    )


def test_mean_over_all_cells_of_all_images():
    # batches of other sizes: the mean is that of the cells
    batches = [torch.randn(2, 3, 4, 5), torch.randn(1, 3, 4, 5) + 3]
    run = runner(2, batches)
    DisplacementMeanHook().after_train_epoch(run)
    wanted = torch.cat(batches)[:, :2].mean((0, 2, 3))
    torch.testing.assert_close(run.model.displacement_head.mean, wanted)
    assert run.model.training


def test_nothing_happens_before_the_last_epoch():
    run = runner(1, [torch.randn(1, 3, 4, 5)])
    DisplacementMeanHook().after_train_epoch(run)
    assert run.model.displacement_head.mean.tolist() == [9, 9]
