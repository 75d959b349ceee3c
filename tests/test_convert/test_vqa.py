import numpy as np
import pytest
from mmengine.config import Config
from released_files import BG_TEMPLATES, FG_TEMPLATES, answers_of
from shipped_configs import CONFIGS

from qaclims_mm.checks.files import check_files, find_files
from qaclims_mm.convert.vqa import OFFICIAL_ALIASES, convert_vqa, read_answers
from qaclims_mm.corpus.builder import hash_questions
from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.errors import ConfigError, DataError, FormatError, StageError
from qaclims_mm.schemas import SHARD_SIZE, claim_folder

IMAGES = {
    '2007_000032': ['aeroplane', 'person'],
    '2008_000008': ['dining table'],
    'COCO_train2014_000000000009': ['potted plant'],
    '2007_000033': ['tv monitor'],
}


def write(folder, fg=None, bg=None, spec=IMAGES):
    """Write the two files; changes are put over what they hold."""
    for name, templates, changes in (('fg', FG_TEMPLATES, fg), ('bg', BG_TEMPLATES, bg)):
        np.save(folder / f'{name}.npy', answers_of(spec, templates) | (changes or {}))
    return folder / 'fg.npy', folder / 'bg.npy', folder / 'corpus'


def said(templates, answers, lemmas=None):
    return dict(vqa=list(zip(templates, answers, strict=True)), answers=list(lemmas or answers))


# answer, lemma, text about a dining table
FG_CASES = [
    ('Wooden.', 'wooden', 'wooden dining table'),
    ('dining tables', 'dining tables', 'dining tables'),
    ('table', 'table', 'table'),
    ('stables', 'stable', 'stable'),  # the released test finds "table" inside
    ('desks', 'desk', 'desk dining table'),
    ('', '', ''),
]


def test_rows_are_those_of_the_official_preset(tmp_path):
    answers, lemmas, texts = zip(*FG_CASES, strict=True)
    fg = {'2008_000008': {'dining table': said(FG_TEMPLATES, answers, lemmas)}}
    counts = convert_vqa(*write(tmp_path, fg))
    assert counts == dict(images=4, answers=5 * 16, empty=1, shards=1)
    corpus = VQACorpus(tmp_path / 'corpus')
    assert corpus.image_ids == sorted(IMAGES)
    rows = corpus['2008_000008']
    questions = get_questions('official')
    assert [(r['question_id'], r['kind']) for r in rows] == [(q.id, q.kind) for q in questions]
    assert [r['question'] for r in rows] == [q.fill('dining table') for q in questions]
    assert [r['answer'] for r in rows[:6]] == list(answers)
    assert [r['text'] for r in rows[:6]] == list(texts)
    assert [r['text'] for r in rows[6:]] == [f'thing{i} 08' for i in range(10)]
    assert {r['score'] for r in rows} == {0.0}
    assert [r['class_name'] for r in corpus['2007_000032']] == ['aeroplane'] * 16 + ['person'] * 16
    corpus.check_questions(hash_questions(questions))


def test_the_format_check_accepts_it(tmp_path):
    convert_vqa(*write(tmp_path))
    report = check_files(find_files(tmp_path / 'corpus'))
    assert report.problems == []
    assert dict(report.files) == {'corpus shard': 1, 'manifest': 1, 'claim': 1}
    with pytest.raises(StageError, match='holds files of another run'):
        claim_folder(tmp_path / 'corpus', dict(config='of a qape run'))


def test_shards(tmp_path):
    spec = {f'2008_{n:06d}': ['cat'] for n in range(SHARD_SIZE + 2)}
    files = write(tmp_path, spec=dict(reversed(spec.items())))
    assert convert_vqa(*files)['shards'] == 2
    assert check_files(find_files(tmp_path / 'corpus')).problems == []
    assert len(VQACorpus(tmp_path / 'corpus')) == SHARD_SIZE + 2


def test_aliases_and_templates_are_those_of_the_configs():
    cfg = Config.fromfile(CONFIGS / 'qape/blip-vqa-base_fg6-bg10-official_voc12aug-480x480.py')
    assert cfg.model.aliases == OFFICIAL_ALIASES
    for kind, templates in (('fg', FG_TEMPLATES), ('bg', BG_TEMPLATES)):
        questions = [q for q in get_questions('official') if q.kind == kind]
        assert [q.template.format(**{'class': '{}'}) for q in questions] == list(templates)


def test_further_questions_are_left_out_and_order_does_not_count(tmp_path):
    more = ['What color is the {}?', *reversed(FG_TEMPLATES), 'Is it a {}?', FG_TEMPLATES[0]]
    answers = [f'a{n}' for n in range(len(more))]
    fg = {'2008_000008': {'dining table': said(more, answers)}}
    convert_vqa(*write(tmp_path, fg))
    rows = VQACorpus(tmp_path / 'corpus')['2008_000008']
    # the first answer to a question counts
    assert [r['answer'] for r in rows[:6]] == ['a6', 'a5', 'a4', 'a3', 'a2', 'a1']


def test_ids(tmp_path):
    files = write(tmp_path)
    (tmp_path / 'ids.txt').write_text('2008_000008\n2007_000032\n2008_000008\n')
    assert convert_vqa(*files, ids=tmp_path / 'ids.txt')['images'] == 2
    assert VQACorpus(tmp_path / 'corpus').image_ids == ['2007_000032', '2008_000008']


def test_ids_that_are_not_there_are_all_listed(tmp_path):
    files = write(tmp_path)
    absent = [f'2011_{n:06d}' for n in range(25)]
    (tmp_path / 'ids.txt').write_text('\n'.join(['2008_000008', *absent]))
    with pytest.raises(DataError, match=r'^25 images are in the list, but not in') as raised:
        convert_vqa(*files, ids=tmp_path / 'ids.txt')
    assert all(i in str(raised.value) for i in absent)
    assert not (tmp_path / 'corpus').exists()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'2009_000001': {}}, r'^1 image is not in both files:\n  2009_000001'),
        (
            {'2008_000008': {}},
            r'^1 image has a class in one file alone:\n  2008_000008: dining table',
        ),
    ],
)
@pytest.mark.parametrize('file', ['fg', 'bg'])
def test_files_that_do_not_belong_together(tmp_path, file, changes, message):
    with pytest.raises(DataError, match=message):
        convert_vqa(*write(tmp_path, **{file: changes}))
    assert not (tmp_path / 'corpus').exists()


GOOD = said(FG_TEMPLATES, FG_TEMPLATES)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'2008_000008': [1]}, 'image 2008_000008 is not {class: ...}'),
        ({'2008_000008': {'cat': [1]}}, "image 2008_000008, class cat is not {'vqa': ..., 'answ"),
        ({'2008_000008': {'cat': {'vqa': []}}}, "class cat is not {'vqa': ..., 'answers': ...}"),
        (
            {'2008_000008': {'cat': dict(vqa=[], answers=[])}},
            "class cat has no answer to ['What kind of {} is in the photo?']",
        ),
        ({'2008_000008': {'cat': GOOD | dict(answers=[])}}, 'class cat has not one lemma an answ'),
        ({'2008_000008': {'cat': GOOD | dict(answers='abcdef')}}, 'class cat has not one lemma an'),
        ({'2008_000008': {'cat': dict(vqa=['ab'], answers=['a'])}}, "cat has 'ab' and 'a' instead"),
        ({'2008_000008': {'cat': dict(vqa=[('a',)], answers=['a'])}}, "has ('a',) and 'a' instead"),
        ({'2008_000008': {'cat': dict(vqa=[('a', 1)], answers=['a'])}}, 'instead of question, an'),
        (
            {'2008_000008': {'cat': dict(vqa=[('a', 'b')], answers=[None])}},
            'and None instead of qu',
        ),
    ],
)
def test_other_nestings(tmp_path, changes, message):
    fg, _, _ = write(tmp_path, changes)
    with pytest.raises(FormatError) as raised:
        read_answers(fg, 'fg')
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(fg))


@pytest.mark.parametrize('content', [{}, [1], 'text', None])
def test_no_answers_at_all(tmp_path, content):
    np.save(tmp_path / 'fg.npy', np.array(None, dtype=object))
    array = np.empty((), dtype=object)
    array[()] = content
    np.save(tmp_path / 'fg.npy', array)
    with pytest.raises(FormatError, match=r'fg\.npy is not \{image: \.\.\.\}'):
        read_answers(tmp_path / 'fg.npy', 'fg')


def test_files_in_the_wrong_order(tmp_path):
    fg, bg, out = write(tmp_path)
    with pytest.raises(FormatError, match=r'has no answer to .*What kind of'):
        convert_vqa(bg, fg, out)


def test_again_and_by_force(tmp_path):
    files = write(tmp_path)
    convert_vqa(*files)
    first = {p.name: p.read_bytes() for p in (tmp_path / 'corpus').iterdir()}
    with pytest.raises(ConfigError, match='--force'):
        convert_vqa(*files)
    convert_vqa(*files, force=True)
    assert {p.name: p.read_bytes() for p in (tmp_path / 'corpus').iterdir()} == first
