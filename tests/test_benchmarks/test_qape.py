import pytest
import torch

from benchmarks import qape
from qaclims_mm.errors import FormatError
from qaclims_mm.vlms.vqa.base import Answer

pytest.importorskip('transformers')
CPU = torch.device('cpu')


def count_encoded(monkeypatch):
    """Count the images that each loaded BLIP encodes."""
    encoded = []
    load = qape.load

    def counting(*args, **options):
        vqa = load(*args, **options)
        vqa._blip.vision_model.embeddings.register_forward_hook(
            lambda module, inputs, output: encoded.append(len(inputs[0]))
        )
        return vqa

    monkeypatch.setattr(qape, 'load', counting)
    return encoded


def test_ways_agree_and_the_reference_encodes_for_every_question(monkeypatch):
    encoded = count_encoded(monkeypatch)
    case = qape.build('tiny', CPU)
    assert list(case.ways) == [
        'questions together, float32', 'questions together, int8', 'one question a call, float32'
    ]  # fmt: skip
    ours, rounded, plain = case.ways.values()
    answers, fewer_bits = ours(), rounded()
    assert encoded == [2, 2]
    encoded.clear()
    wanted = plain()
    assert encoded == [1] * 48
    assert case.items == len(answers) == len(wanted) == 48
    assert len({a.text for a in wanted}) > 8
    case.check([answers, fewer_bits, wanted])


@torch.inference_mode()
def test_the_reference_has_the_layers_of_transformers():
    plain = qape.load('tiny', CPU, kind=qape.PlainBlip)
    layer = plain._blip.text_decoder.bert.encoder.layer[0].intermediate.dense
    assert type(layer) is torch.nn.Linear


@pytest.mark.parametrize('changed', [Answer('tree', -0.5), Answer('grass', -0.4)])
def test_other_answers_are_refused(changed):
    wanted = [Answer('sky', -1.0), Answer('grass', -0.5)]
    qape.check_answers(['float32'], [wanted, wanted])
    with pytest.raises(FormatError, match=r'^float32 answers .*, one question a call .*grass'):
        qape.check_answers(['float32'], [[wanted[0], changed], wanted])


def test_half_precision_may_take_a_word_as_probable():
    wanted = [Answer('grass', -0.5)]
    others = [[Answer('tree', -0.45)], wanted, wanted]
    qape.check_answers(['bfloat16', 'float32'], others)
    others[0] = [Answer('tree', -0.9)]
    with pytest.raises(FormatError, match=r'^bfloat16 answers'):
        qape.check_answers(['bfloat16', 'float32'], others)


def test_full_size_is_blip_base(monkeypatch):
    made = []
    monkeypatch.setattr(qape, 'load', lambda *args, **kind: made.append(args) or FakeVQA())
    case = qape.build('full', CPU)
    assert made == [('full', CPU), ('full', CPU, None), ('full', CPU, 'int8')]
    assert case.work == '16 questions about 1 image of 480 px, 3 beams'
    assert case.bar == 18.0


def test_a_gpu_has_half_precision_first(monkeypatch):
    monkeypatch.setattr(qape, 'load', lambda *args, **kind: FakeVQA())
    case = qape.build('full', torch.device('cuda'))
    assert [w.split(', ')[1] for w in case.ways] == ['bfloat16', 'float32', 'float32']
    assert case.dtype == torch.bfloat16
    assert case.bar == 15.0
    # as VOC: 1.5 classes an image
    assert case.items == 16 * 24


class FakeVQA:
    _side, num_beams = 480, 3
