import io
import itertools
import pickle
import zipfile
from collections import OrderedDict

import pytest
import torch

from qaclims_mm.engine.pickle_scan import check_pickles
from qaclims_mm.errors import FormatError


def saved(value, older=False):
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not older)
    file.seek(0)
    return file


def nested(make, times=60):
    value = make()
    for _ in range(times):
        value = make([value, value])
    return value


def shared():
    """Return what a real training shares: a network used twice, and its optimizer."""
    network = torch.nn.Linear(3, 3)
    both = torch.nn.ModuleList([network, network])
    optimizer = torch.optim.AdamW(both.parameters())
    network(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    config = dict(type='x', classes=('cat', 'dog'))
    return dict(
        state_dict=both.state_dict(),
        optimizer=optimizer.state_dict(),
        meta=dict(cfg=config, others=[config] * 50, epoch=3),
        ordered=OrderedDict(a=1),
        sets={1, 2},
    )


@pytest.mark.parametrize('older', [False, True])
def test_checkpoints(tmp_path, older):
    file = saved(shared(), older)
    (tmp_path / 'a.pth').write_bytes(file.getvalue())
    check_pickles(tmp_path / 'a.pth')
    check_pickles(str(tmp_path / 'a.pth'))
    check_pickles(file)
    # where it was: torch reads it next
    assert torch.load(file, weights_only=False)['meta']['epoch'] == 3


@pytest.mark.parametrize('older', [False, True])
@pytest.mark.parametrize('make', [tuple, list], ids=['tuple', 'list'])
@pytest.mark.timeout(20)
def test_values_that_repeat_without_end(make, older):
    with pytest.raises(FormatError, match=r'^it repeats a value within others without end$'):
        check_pickles(saved(dict(a=nested(lambda parts=(): make(parts))), older))


def test_values_that_hold_themselves():
    value = []
    value.append(dict(a=value))
    with pytest.raises(FormatError, match=r'^it has a value that holds itself$'):
        check_pickles(saved(value))


def test_lists_that_are_filled_from_the_outside_in():
    lists = [[] for _ in range(60)]
    for outer, inner in itertools.pairwise(lists):
        outer += [inner, inner]
    # all of them are made first, so each is empty when it is put into the one before
    content = pickle.dumps(lists)
    assert len(content) < 1000
    with pytest.raises(FormatError, match='repeats a value'):
        check_pickles(archive({'x/data.pkl': content}))


def archive(entries, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', compression) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    file.seek(0)
    return file


def test_archives_that_unpack_to_more_than_their_size():
    entries = {'x/data.pkl': pickle.dumps({}), 'x/data/0': bytes(1_000_000)}
    check_pickles(archive(entries))
    with pytest.raises(FormatError, match=r'^it unpacks to more than its size$'):
        check_pickles(archive(entries, zipfile.ZIP_DEFLATED))


def test_weights_that_nobody_wrote():
    content = saved(dict(a=torch.ones(5), b=torch.ones(6)), older=True).getvalue()
    check_pickles(io.BytesIO(content))
    # the list of what follows begins at the last protocol mark
    start = content.rindex(b'\x80\x02]q')
    with pytest.raises(FormatError, match=r'^it names weights that it does not hold$'):
        check_pickles(io.BytesIO(content[:start] + b'\x80\x02].'))


@pytest.mark.parametrize(
    'content',
    [b'', b'text', b'PK', b'\x80\x02}', b'\x80\x02s.', b'(.', b'h\x07.'],
)
def test_other_files(content):
    with pytest.raises(FormatError, match=r'^(it has a broken pickle|its archive is broken): '):
        check_pickles(io.BytesIO(content))


def test_opcodes_that_make_objects():
    for content in (b'(ios\nmkdir\n.', b'(cos\nmkdir\no.', b'\x82\x01.'):
        with pytest.raises(FormatError, match='which a checkpoint does not need'):
            check_pickles(io.BytesIO(content))
