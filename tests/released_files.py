"""Small files in the formats of the released ones, and harmless ones that would run if loaded."""

import builtins
import io
import os
import pickle

import numpy as np
import torch

from qaclims_mm.registry import MODELS

FG_TEMPLATES = (
    'What kind of {} is in the photo?',
    'What type of {} is in the photo?',
    'What is this {} also called?',
    'What is this {} usually called?',
    'What is another word for this {}?',
    'What is another name for this {}?',
)
BG_TEMPLATES = (
    'what is above the {}?',
    'what is under the {}?',
    'what is behind the {}?',
    'what is around the {}?',
    'what is next to the {}?',
    'what is the left side of {}?',
    'what is the right side of {}?',
    'what scene is the {} in?',
    'what environment is the {} in?',
    'what place is the {} in?',
)


class Call:
    """Pickles as a call."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def as_storage(content):
    """Return what unpickles as a tensor whose numbers are the bytes of another file."""
    storage = Call(torch.storage._load_from_bytes, content)
    return Call(torch._utils._rebuild_tensor_v2, storage, 0, (1,), (1,), False, {})


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def harmful(folder):
    """Return {name: value whose unpickling makes ``folder``}."""
    make = Call(os.mkdir, folder)
    text = f'__import__("os").mkdir({folder!r})'
    return {
        'os.mkdir': make,
        'os.system': Call(os.system, f'mkdir {folder}'),
        'builtins.eval': Call(builtins.eval, text),  # noqa: S307 - it is written, never run
        'builtins.exec': Call(builtins.exec, text),
        'in a list': [1, (2, make)],
        'in a tensor, bare pickle': as_storage(pickle.dumps(make)),
        'in a tensor, older format': as_storage(
            saved([make], _use_new_zipfile_serialization=False)
        ),
        'in a tensor, zip': as_storage(saved([make])),
    }


def npy(content, dtype='|O', shape=()):
    """Return a ``.npy`` file with any bytes for its pickle."""
    file = io.BytesIO()
    header = dict(descr=dtype, fortran_order=False, shape=shape)
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


def write(path, content):
    path.write_bytes(content)
    return path


def wrapped(value):
    return np.array({'a': value}, dtype=object)


def answers_of(spec, templates, lemma=lambda answer: answer):
    """Return the content of a released file of answers.

    Args:
        spec: {image: [class, ...]}; an answer tells image, class and question number.
        templates: The questions.
        lemma: Of an answer.
    """
    content = {}
    for image_id, names in spec.items():
        for name in names:
            said = [f'thing{i} {image_id[-2:]}' for i in range(len(templates))]
            # numpy's texts, as labels are in the released files
            content.setdefault(image_id, {})[np.str_(name)] = dict(
                vqa=list(zip(templates, said, strict=True)), answers=[lemma(a) for a in said]
            )
    return content


# --------------------------------------------------------------------------------------- networks


def random_state(model):
    """Return random values for every weight of a config."""
    torch.manual_seed(0)
    state = MODELS.build(model).state_dict()
    return {
        k: torch.rand_like(v) if v.is_floating_point() else torch.tensor(7)
        for k, v in state.items()
    }


def bottlenecks(base=2):
    return dict(type='ResNet', depth=50, base_channels=base, stem_channels=2 * base)


TINY_CAM = dict(
    type='CAMClassifier',
    backbone=bottlenecks(),
    cam_head=dict(type='CAMHead', in_channels=64, num_classes=3),
)


def cam_names(name):
    """Return all names that the released code has for one of our weights."""
    part, _, rest = name.partition('.')
    if part == 'cam_head':
        kind = rest.removeprefix('conv.')
        return f'classifier.{kind}', f'newly_added.0.{kind}'
    layer, _, rest = rest.partition('.')
    number, place = dict(
        conv1=(1, 0), bn1=(1, 1), layer1=(1, 4), layer2=(2, 0), layer3=(3, 0), layer4=(4, 0)
    )[layer]
    return (
        f'resnet50.{layer}.{rest}',
        f'stage{number}.{place}.{rest}',
        f'backbone.{number - 1}.{place}.{rest}',
    )


def cam_file(path, families=(0, 1, 2), changes=None, drop=(), prefix='', num_classes=3):
    """Write a released CAM network with some of its names; return the weights under ours."""
    head = TINY_CAM['cam_head'] | dict(num_classes=num_classes)
    ours = random_state(TINY_CAM | dict(cam_head=head))
    released = {}
    for name, value in ours.items():
        names = cam_names(name)
        for family in families:
            released[names[min(family, len(names) - 1)]] = value
    released |= {'resnet50.fc.weight': torch.zeros(2, 2)} if 0 in families else {}
    released |= changes or {}
    torch.save({prefix + k: v for k, v in released.items() if k not in drop}, path)
    return ours
