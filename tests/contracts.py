"""Tests that every component of a kind shares; a new one's test is a subclass of a few lines."""

import pytest
import torch


def unit(*shape, seed=0):
    """Return random unit vectors in float64."""
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(x, dim=-1)


class RegionLossContract:
    """A loss of region (P, D), fg_text (P, D), bg_text (P, N, D), bg_valid (P, N).

    Subclasses set ``make(**options)`` and ``attracted``: 'fg' or 'bg', what the region shall match.
    """

    attracted = 'fg'

    def make(self, **options):
        raise NotImplementedError

    def inputs(self, pairs=3, texts=4, width=8):
        return unit(pairs, width), unit(pairs, width, seed=1), unit(pairs, texts, width, seed=2)

    @pytest.mark.parametrize('reduction', ['none', 'sum', 'mean'])
    def test_finite_and_shape(self, reduction):
        loss = self.make(reduction=reduction)(*self.inputs())
        assert loss.shape == ((3,) if reduction == 'none' else ())
        assert torch.isfinite(loss).all()

    def test_reductions_agree(self):
        args = self.inputs()
        single = self.make(reduction='none')(*args)
        torch.testing.assert_close(self.make(reduction='sum')(*args), single.sum())
        torch.testing.assert_close(self.make(reduction='mean')(*args), single.mean())

    def test_gradcheck(self):
        region, fg, bg = self.inputs()
        valid = torch.tensor([[1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=torch.bool)
        loss = self.make(reduction='sum')
        assert torch.autograd.gradcheck(
            lambda x: loss(x, fg, bg, valid), (region.requires_grad_(),)
        )

    def test_falls_when_the_positive_gets_closer(self):
        region, fg, bg = self.inputs()
        target = fg if self.attracted == 'fg' else bg.mean(1)
        loss = self.make(reduction='none')
        assert (loss(region + 0.5 * target, fg, bg) < loss(region, fg, bg)).all()

    def test_scale_of_the_region_does_not_count(self):
        region, fg, bg = self.inputs()
        loss = self.make(reduction='none')
        torch.testing.assert_close(loss(1e4 * region, fg, bg), loss(region, fg, bg))

    def test_extreme_temperature_is_finite(self):
        region, fg, bg = self.inputs()
        region = region.requires_grad_()
        loss = self.make(temperature=1e-4)(region, fg, bg)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(region.grad).all()

    def test_invalid_texts_do_not_count(self):
        region, fg, bg = self.inputs()
        valid = torch.tensor([[1, 1, 0, 0]] * 3, dtype=torch.bool)
        loss = self.make(reduction='none')
        torch.testing.assert_close(loss(region, fg, bg, valid), loss(region, fg, bg[:, :2]))

    def test_pair_without_background_is_zero_and_not_counted(self):
        region, fg, bg = self.inputs()
        valid = torch.ones(3, 4, dtype=torch.bool)
        valid[1] = False
        region = region.requires_grad_()
        single = self.make(reduction='none')(region, fg, bg, valid)
        assert single[1] == 0
        mean = self.make(reduction='mean')(region, fg, bg, valid)
        torch.testing.assert_close(mean, (single[0] + single[2]) / 2)
        mean.backward()
        assert torch.isfinite(region.grad).all()
        assert (region.grad[1] == 0).all()

    @pytest.mark.parametrize('reduction', ['sum', 'mean'])
    def test_no_pair_gives_zero(self, reduction):
        assert self.make(reduction=reduction)(*self.inputs(pairs=0)) == 0

    def test_half_precision_is_computed_in_float32(self):
        region, fg, bg = (x.half() for x in self.inputs())
        loss = self.make()(region, fg, bg)
        assert loss.dtype == torch.float32

    @pytest.mark.parametrize(
        ('change', 'message'),
        [
            (dict(temperature=0.0), r'temperature must be positive, but got 0\.0'),
            (dict(reduction='all'), r"reduction must be one of .* but got 'all'"),
        ],
    )
    def test_bad_option(self, change, message):
        with pytest.raises(ValueError, match=message):
            self.make(**change)(*self.inputs())

    def test_bad_shapes(self):
        region, fg, bg = self.inputs()
        with pytest.raises(ValueError, match='another CLIP has another D'):
            self.make()(region, fg[:, :4], bg)
        with pytest.raises(ValueError, match=r'bg_text must be \(3, N, 8\)'):
            self.make()(region, fg, bg[:, :, :4])
        with pytest.raises(ValueError, match=r'bg_valid must be \(3, 4\)'):
            self.make()(region, fg, bg, torch.ones(3, 2, dtype=torch.bool))
