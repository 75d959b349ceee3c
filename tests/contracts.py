"""Tests that every component of a kind shares; a new one's test is a subclass of a few lines."""

import itertools

import numpy as np
import pytest
import torch

from qaclims_mm.vlms.clip.frozen import IMAGE_STATS
from qaclims_mm.vlms.vqa.base import Answer


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


def noise(*size, seed=0):
    """Return a random RGB image."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


class VLMContract:
    """A model that answers questions about images.

    Subclasses set ``make()``; what it returns may be one loaded model for all tests.
    """

    score_tolerance = 1e-4
    images = (noise(40, 60), noise(112, 112, seed=1), noise(90, 30, seed=2))
    questions = (
        ('What is above the dog?', 'What kind of dog is in the photo?', 'What place is it?'),
        ('What is this train also called?',),
        ('What is under the boat?', 'What is above the dog?'),
    )

    def make(self):
        raise NotImplementedError

    def check_equal(self, got, wanted):
        assert [[a.text for a in g] for g in got] == [[a.text for a in g] for g in wanted]
        for g, w in zip(got, wanted, strict=True):
            np.testing.assert_allclose(
                [a.score for a in g], [a.score for a in w], rtol=0, atol=self.score_tolerance
            )

    def test_one_answer_a_question(self):
        answers = self.make().answer(self.images, self.questions)
        assert [len(a) for a in answers] == [len(q) for q in self.questions]
        for answer in itertools.chain(*answers):
            assert isinstance(answer, Answer)
            assert isinstance(answer.text, str)
            assert answer.text == answer.text.strip()
            # a mean of log-probabilities
            assert isinstance(answer.score, float)
            assert -np.inf < answer.score <= 0

    def test_order_is_kept(self):
        model = self.make()
        turned = model.answer(self.images[::-1], [q[::-1] for q in self.questions[::-1]])
        self.check_equal([a[::-1] for a in turned[::-1]], model.answer(self.images, self.questions))

    def test_batch_equals_loop(self):
        model = self.make()
        loop = [
            [model.answer([x], [[q]])[0][0] for q in asked]
            for x, asked in zip(self.images, self.questions, strict=True)
        ]
        self.check_equal(model.answer(self.images, self.questions), loop)

    def test_deterministic(self):
        model = self.make()
        assert model.answer(self.images, self.questions) == model.answer(
            self.images, self.questions
        )

    def test_a_question_asked_twice(self):
        first, second = self.make().answer(self.images[:1], [self.questions[0][:1] * 2])[0]
        assert first.text == second.text

    def test_empty_lists(self):
        model = self.make()
        assert model.answer([], []) == []
        assert model.answer(self.images[:2], [[], []]) == [[], []]
        some = [self.questions[0], (), self.questions[2]]
        answers = model.answer(self.images, some)
        assert answers[1] == []
        self.check_equal(answers[::2], model.answer(self.images[::2], some[::2]))

    def test_wrong_lengths_are_refused(self):
        with pytest.raises(ValueError, match=r'one list of questions an image.*3 images and 2'):
            self.make().answer(self.images, self.questions[:2])


class TextHeadContract:
    """A frozen text encoder; subclasses set ``make(**options)``."""

    texts = ('a photo of dog', 'a photo of train', 'a photo of no boat', 'grass', '')

    def make(self, **options):
        raise NotImplementedError

    @pytest.mark.parametrize('batch_size', [1, 2, 100])
    def test_batch_size_changes_no_embedding(self, batch_size):
        done = []
        found = self.make(batch_size=batch_size).load().encode(self.texts, on_batch=done.append)
        assert found.dtype == torch.float32
        assert found.device.type == 'cpu'
        assert not found.requires_grad
        torch.testing.assert_close(found.norm(dim=1), torch.ones(len(self.texts)))
        wanted = self.make().load().encode(self.texts)
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
        assert sum(done) == len(self.texts)
        assert max(done) <= batch_size

    def test_texts_differ(self):
        found = self.make().load().encode(self.texts)
        assert len(found.unique(dim=0)) == len(self.texts)

    def test_no_text(self):
        assert self.make().load().encode([]).shape[0] == 0

    def test_weights_are_known_after_loading(self):
        head = self.make()
        assert head.weights_sha256 == ''
        assert len(head.load().weights_sha256) == 64
        assert head.weights_sha256 == self.make().load().weights_sha256


class ImageHeadContract:
    """A frozen image encoder.

    Subclasses set ``make(**options)``, ``make_text()``, the encoder's ``side``, ``larger`` (another
    side, ``None`` where it takes but one), ``width`` D and ``stats``, mean and deviation of its
    input.
    """

    larger = None
    stats = IMAGE_STATS['clip']

    def make(self, **options):
        raise NotImplementedError

    def make_text(self):
        raise NotImplementedError

    def images(self, head, number=2):
        pixels = np.stack([noise(*head.input_size, seed=i) for i in range(number)])
        return head.normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2).to(head.mean))

    def test_building_reads_nothing(self):
        head = self.make()
        assert head._frozen is None
        assert head.weights_sha256 == ''

    def test_size_is_known_after_loading(self):
        head = self.make().load()
        assert head.image_size == self.side
        assert head.input_size == (self.side, self.side)

    def test_features(self):
        head = self.make()
        images = self.images(head)
        found = head(images)
        assert found.shape == (2, self.width)
        assert found.dtype == torch.float32
        # not normalised
        assert (found.norm(dim=1) - 1).abs().min() > 1e-3
        loop = torch.cat([head(image[None]) for image in images])
        torch.testing.assert_close(found, loop, atol=1e-5, rtol=1e-5)
        assert torch.equal(found, self.make()(images))
        assert not torch.allclose(found[0], found[1], atol=0, rtol=1e-3)

    @pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
    def test_half_precision(self, dtype):
        head = self.make(dtype=dtype)
        images = self.images(head).requires_grad_()
        assert next(head._frozen.parameters()).dtype == getattr(torch, dtype)
        wanted = self.make()(images.detach())
        # autocast would make float32 of some layers again
        with torch.autocast('cpu', torch.bfloat16):
            found = head(images)
        assert found.dtype == torch.float32
        cosines = torch.nn.functional.cosine_similarity(found, wanted)
        assert (cosines > 0.995).all()
        assert torch.equal(found, head(images))
        found.sum().backward()
        assert images.grad.abs().sum() > 0

    def test_another_image_size(self):
        if self.larger is None:
            return
        own, larger = self.make(), self.make(image_size=self.larger)
        images = self.images(larger)
        assert images.shape == (2, 3, self.larger, self.larger)
        assert larger(images).shape == (2, self.width)
        assert larger.image_size == self.larger
        assert larger.weights_sha256 == own.load().weights_sha256

    @pytest.mark.parametrize('norm', ['model', 'clip', 'imagenet'])
    def test_normalise(self, norm):
        head = self.make(norm=norm)
        pixel = torch.tensor([10.0, 100.0, 255.0])
        mean, std = IMAGE_STATS.get(norm, self.stats)
        wanted = [(float(v) / 255 - m) / s for v, m, s in zip(pixel, mean, std, strict=True)]
        found = head.normalise(pixel.view(1, 3, 1, 1))
        torch.testing.assert_close(found.flatten(), torch.tensor(wanted))
        torch.testing.assert_close(head.mean.flatten(), torch.tensor(mean))
        torch.testing.assert_close(head.std.flatten(), torch.tensor(std))

    def test_bad_norm(self):
        with pytest.raises(ValueError, match=r"^norm must be one of \('model', .*\), but got 'z'"):
            self.make(norm='z')

    def test_mask_without_prompts_is_refused(self):
        head = self.make()
        assert head.mask_prompt is None
        images = self.images(head)
        with pytest.raises(ValueError, match=rf'^a mask was given, but this {type(head).__name__}'):
            head(images, torch.ones_like(images[:, :1]))

    def test_gradients_reach_the_image_only(self):
        head = self.make()
        images = self.images(head).requires_grad_()
        head(images).square().sum().backward()
        assert torch.isfinite(images.grad).all()
        assert images.grad.abs().amax((1, 2, 3)).min() > 0
        weights = list(head._frozen.parameters())
        assert weights
        assert all(p.grad is None and not p.requires_grad for p in weights)

    @pytest.mark.parametrize('loaded', [False, True])
    def test_the_encoder_is_no_part_of_the_model(self, loaded):
        head = self.make()
        if loaded:
            head.load()
        model = torch.nn.Sequential(torch.nn.Linear(2, 2), head)
        assert set(model.state_dict()) == {'0.weight', '0.bias'}
        assert len(list(model.parameters())) == 2
        assert list(head.modules()) == [head]
        model.train()
        assert not head.load()._frozen.training
        model.load_state_dict(model.state_dict(), strict=True)

    @pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16])
    @pytest.mark.parametrize('loaded', [False, True])
    def test_the_encoder_follows_to(self, loaded, dtype):
        head = self.make()
        if loaded:
            head.load()
        model = torch.nn.Sequential(head).to(dtype)
        weights = head.load()._frozen.state_dict().values()
        assert {v.dtype for v in weights if v.is_floating_point()} == {dtype}
        images = self.images(head)
        assert images.dtype == dtype
        assert model(images).dtype == dtype

    def test_loading_again_keeps_the_encoder(self):
        head = self.make().load()
        encoder = head._frozen
        assert head.load()._frozen is encoder

    def test_is_one_clip_with_the_text_head(self):
        text = self.make_text().load()
        torch.rand(3)
        assert self.make().load().weights_sha256 == text.weights_sha256
