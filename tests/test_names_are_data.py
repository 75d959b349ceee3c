"""Labels, class names, file and folder names come out as they went in, or are refused in a line."""

import contextlib
import csv
import itertools
import json
import os
import sys
import tempfile
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from strategies import any_names, file_names, is_encodable, payload
from tool_runs import run_tool

from qaclims_mm.corpus.questions import get_questions
from qaclims_mm.corpus.store import VQACorpus
from qaclims_mm.corpus.text_bank import TextBank
from qaclims_mm.datasets.folder import FolderWeakDataset
from qaclims_mm.engine.config import read_config
from qaclims_mm.errors import QAClimsError
from qaclims_mm.exchange.labels.reading import read_source
from qaclims_mm.exchange.labels.words import as_words
from qaclims_mm.projects.checks import check_source
from qaclims_mm.projects.writer import Project, write_project
from qaclims_mm.schemas import update_metrics, write_json, write_run_config
from qaclims_mm.schemas.labels import read_labels
from qaclims_mm.schemas.names import (
    BLANKS,
    problem_of_characters,
    problem_of_line,
    problem_of_name,
)
from qaclims_mm.schemas.project import NOBODY, read_project_tables
from qaclims_mm.schemas.project_options import Options

_FOLDERS = itertools.count()


@pytest.fixture(scope='module')
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp('picture') / 'x.png'
    Image.new('RGB', (40, 33), 'red').save(path)
    return path.read_bytes()


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return tmp_path_factory.mktemp('projects')


def make_images(folder, stems, picture):
    folder.mkdir(parents=True)
    for stem in stems:
        (folder / f'{stem}.png').write_bytes(picture)


def write_coco(path, stems, labels):
    """Write COCO's JSON, in which any text can stand; each image has the label of its place."""
    content = dict(
        images=[dict(id=k, file_name=f'{stem}.png') for k, stem in enumerate(stems)],
        categories=[dict(id=k, name=label) for k, label in enumerate(labels)],
        annotations=[
            dict(image_id=k % len(stems), category_id=k)
            for k in range(max(len(labels), len(stems)))
            if k < len(labels)
        ],
    )
    path.write_text(json.dumps(content))


def write_voc(folder, stems, labels):
    folder.mkdir()
    for k, stem in enumerate(stems):
        objects = ''.join(
            f'<object><name>{escape(label)}</name></object>' for label in labels[k :: len(stems)]
        )
        text = f'<annotation><filename>{escape(stem)}.png</filename>{objects}</annotation>'
        (folder / f'{k}.xml').write_text(text, encoding='utf-8')


def cleaned(label):
    """Return a label without the blanks that are none of it; a control character stays."""
    text = label.strip(BLANKS)
    return text if problem_of_characters(text) else ' '.join(text.split())


def classes_of(labels):
    """Return the classes that labels make; those that are refused are left out."""
    found = [cleaned(label) for label in labels]
    return set(as_words([label for label in found if not problem_of_name(label)]).values())


def code_of(folder):
    """Return the text of all Python files of a project."""
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob('*.py'))}


def write_twin(folder, checked, images):
    """Write a project of the same numbers with harmless names; returns its Python files."""
    harmless = {name: f'c{k:04d}' for k, name in enumerate(checked.classes)}
    twin = type(checked)(
        rows={f'{k}.png': [harmless[c] for c in r] for k, r in enumerate(checked.rows.values())},
        classes=list(harmless.values()),
        sizes=checked.sizes,
    )
    twin.counts.update(c for labels in twin.rows.values() for c in labels)
    write_project(Project(folder, Options(images, preset='mini'), twin), 1e11)
    return code_of(folder)


@given(
    labels=st.lists(any_names, min_size=1, max_size=6),
    stems=st.lists(file_names, min_size=1, max_size=3, unique_by=str.lower),
    folders=st.tuples(file_names, file_names),
    voc=st.booleans(),
)
def test_a_project_keeps_names_and_its_code_has_none(labels, stems, folders, voc, picture, root):
    here = root / str(next(_FOLDERS))
    images, project = (here / which / name for which, name in zip('ip', folders, strict=True))
    table = here / ('xml' if voc else 'labels.json')
    refused = [n for n in (*labels, *stems) if not is_encodable(n)]
    if voc and (refused or any(problem_of_characters(n) for n in (*labels, *stems))):
        voc, table = False, here / 'labels.json'
    make_images(images, stems, picture)
    (write_voc if voc else write_coco)(table, stems, labels)
    said = ''
    try:
        source = read_source(table, images)
    except QAClimsError as refused:
        said = str(refused)
    if said:
        assert 'has a label' in said
        assert not any(label.strip(BLANKS) for label in labels)
        assert not problem_of_characters(said)
        return
    checked = check_source(source, images)
    made = Project(project, Options(images, preset='mini'), checked)
    if not checked.counts or any(problem_of_line(folder) for folder in folders):
        # one line, in which nothing is sent to the terminal as it is
        with pytest.raises(QAClimsError) as refused:
            write_project(made, 1e11)
        assert not problem_of_characters(str(refused.value))
        assert not project.exists()
        return
    write_project(made, 1e11)
    options = dict(pipeline=[], test_mode=True, serialize_data=False)
    dataset = FolderWeakDataset(project=str(project), **options)
    assert set(dataset.class_names) <= classes_of(labels)
    ids = {r['image_id']: set(r['label_names']) for r in dataset.iterate_records()}
    left_out = '\n'.join(checked.problems)
    for k, stem in enumerate(stems):
        name = stem.strip(BLANKS).replace('\\', '/').removeprefix('./') if voc else stem
        own = labels[k :: len(stems)]
        bad = any(problem_of_name(cleaned(n)) for n in own if n.strip(BLANKS))
        if stem in ids and not bad and not any(c in stem for c in '\\'):
            assert ids[stem] == {
                c for c in dataset.class_names if c in classes_of(labels) and c in _all(own, labels)
            }
        elif name not in ids and stem not in ids:
            assert left_out
    assert code_of(project) == write_twin(here / 'twin', checked, images)
    assert {p.suffix for p in project.rglob('*') if p.is_file()} == {'.py', '.csv', '.json'}


def _all(own, labels):
    """Return the classes of some labels, called as the first label of their kind."""
    words = as_words([cleaned(label) for label in labels])
    return {words[cleaned(label)] for label in own}


class Watcher:
    """Notes what starts programs, and what is opened for writing outside some folders."""

    def __init__(self):
        self.allowed, self.seen, self.usual = None, set(), None
        sys.addaudithook(self._note)

    def _note(self, event, args):
        if self.allowed is None:
            return
        if event in ('subprocess.Popen', 'os.system', 'os.exec', 'os.posix_spawn'):
            self.seen.add((event, repr(args[:2])))
        if event == 'open' and isinstance(args[0], str) and set(str(args[1])) & set('wax+'):
            path = os.path.abspath(args[0])
            # mmengine copies configs there
            if not path.startswith((self.allowed, tempfile.gettempdir(), '/dev/')):
                self.seen.add((event, path))

    @contextlib.contextmanager
    def watch(self, folder):
        """Fail if more happens than with harmless names, which are the first that are watched."""
        self.allowed, self.seen = str(folder), set()
        try:
            yield
        finally:
            self.allowed = None
        self.usual = self.seen if self.usual is None else self.usual
        assert self.seen <= self.usual


@pytest.fixture(scope='module')
def watcher():
    return Watcher()


def text_of(page):
    """Return what a reader sees of a page, and the names of its elements."""
    parser = Reader()
    parser.feed(page)
    return ''.join(parser.text), parser.tags


class Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text, self.tags = [], Counter()

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1

    def handle_data(self, data):
        self.text.append(data)


def one_of_each(labels):
    """Return labels that become classes, as many as there are classes."""
    words = as_words([cleaned(label) for label in labels])
    good = {}
    for label in labels:
        known = cleaned(label)
        if not problem_of_name(known) and known != NOBODY:
            good.setdefault(words[known], known)
    return list(good)


# shrinking an example of 20 s takes an hour
@settings(max_examples=settings.default.max_examples // 40, phases=(Phase.explicit, Phase.generate))
@example(labels=['cat', 'dog'], stems=['a', 'b', 'c', 'd'], folders=('images', 'project'))
@given(
    labels=st.lists(any_names, min_size=4, max_size=8).map(one_of_each).filter(bool),
    stems=st.lists(file_names, min_size=4, max_size=4, unique_by=str.lower),
    folders=st.tuples(file_names, file_names).filter(
        lambda pair: not any(map(problem_of_line, pair))
    ),
)
def test_names_through_the_stages(labels, stems, folders, picture, root, watcher, capsys):
    """Init, dry run, questions, texts and report, run as users run them."""
    here = root / str(next(_FOLDERS))
    images, project = (here / which / name for which, name in zip('ip', folders, strict=True))
    make_images(images, stems, picture)
    table = here / 'labels.json'
    write_coco(table, stems, labels)
    with watcher.watch(here):
        given = ('--images', images, '--labels', table, '--preset', 'mini')
        made = run_tool('init', project, *given, capsys=capsys)
        assert made.status in (0, 1, 3)
        if made.status == 1:
            assert 'no image of' in made.text
            return
        assert not problem_of_characters(made.text.replace('\n', ''))
        plan, work = project / 'pipeline.py', project / 'work'
        shown = run_tool('run', plan, '--dry-run', capsys=capsys)
        assert shown.status == 0, shown.text
        config = project / 'configs/qape.py'
        asked = run_tool('test', config, 'none', '--work-dir', work / 'qape', capsys=capsys)
        assert asked.status == 0, asked.text
        config = project / 'configs/qa_clims.py'
        flags = ('--work-dir', work / 'texts')
        encoded = run_tool('encode_texts', config, *flags, capsys=capsys)
        assert encoded.status == 0, encoded.text
        classes = read_project_tables(project).classes
        _write_results(work, classes, config)
        reported = run_tool('report', work, capsys=capsys)
        assert reported.status == 0, reported.text
    _check_answers(work, project, classes)
    text, tags = text_of((work / 'report.html').read_text())
    # classes are drawn; what the page has in words is the folder
    assert str(work) in text
    assert tags['script'] == 0


def _write_results(work, classes, config):
    """Write what a training and its test leave, of which the report tells."""
    curve = {'background': [10.0, 20.0], **{name: [1.0, 2.0] for name in classes}}
    write_json(
        work / 'qa_clims_maps/curve.json',
        dict(thresholds=[0.2, 0.4], mIoU=[10.0, 20.0], classes=curve),
    )
    update_metrics(work / 'qa_clims_maps/metrics.json', 'qa_clims_maps', {'cam/mIoU': 20.0})
    cfg = read_config(str(config), str(work / 'qa_clims_maps'))
    write_run_config(work / 'qa_clims_maps', 'test', 'qa_clims.py', cfg.to_dict())


def _check_answers(work, project, classes):
    """Compare corpus and text bank with the tables of the project."""
    corpus, bank = VQACorpus(work / 'qape/corpus'), TextBank(work / 'texts/text_bank')
    labels = read_labels(project / 'labels.csv')
    asked = {q.id: q.template for q in get_questions()}
    found = set()
    for image, own in labels.items():
        image_id = str(Path(image).with_suffix(''))
        if not own:
            continue
        rows = corpus[image_id]
        assert {row['class_name'] for row in rows} == set(own)
        found.update(own)
        for row in rows:
            before, _, after = asked[row['question_id']].partition('{class}')
            assert row['question'] == before + row['class_name'] + after
        assert len(bank.find(image_id, own)) == len(own)
    assert found == set(classes)
    assert set(classes) <= set(bank.texts)


@pytest.fixture
def pictures(tmp_path, picture):
    make_images(tmp_path / 'images', [f'p{k}' for k in range(4)], picture)
    return tmp_path / 'images'


def test_a_label_that_was_executed(pictures, capsys, monkeypatch):
    """The issue's CSV: mmengine took the label for an environment variable and ran its end."""
    monkeypatch.chdir(pictures.parent)
    marker = Path('m')
    table = pictures.parent / 'labels.csv'
    rows = [('p0.png', payload(marker)), ('p1.png', 'cat'), ('p2.png', 'dog')]
    with table.open('w', newline='') as file:
        csv.writer(file).writerows([('image', 'labels'), *rows])
    project = pictures.parent / 'project'
    given = ('--images', pictures, '--labels', table, '--preset', 'mini')
    made = run_tool('init', project, *given, capsys=capsys)
    assert made.status == 0, made.text
    for tool, flags in (('run', ['--dry-run']), ('check_dataset', [])):
        shown = run_tool(tool, project / 'pipeline.py', *flags, capsys=capsys)
        assert 'Traceback' not in shown.text
    # a table splits its cell at the ;
    classes = read_project_tables(project).classes
    assert {'{{$X:.*\\}}', 'cat', 'dog'} < set(classes)
    assert not marker.exists()


CASES_OF_LABELS = ('labels-as-data.csv', 'labels-as-data-2.csv', 'labels-that-look-empty.csv')


@pytest.mark.parametrize('name', CASES_OF_LABELS)
def test_labels_of_the_cases(name, cases_dir, tmp_path, capsys):
    project = tmp_path / 'project'
    given = ('--images', cases_dir / 'images', '--labels', cases_dir / name, '--preset', 'mini')
    made = run_tool('init', project, *given, capsys=capsys)
    assert made.status == 0, made.text
    with (cases_dir / name).open(newline='') as file:
        rows = [row for row in csv.DictReader(file) if row['image']]
    assert set(read_project_tables(project).classes) == {row['labels'] for row in rows}
    assert {row['labels'] for row in rows} <= set(made.text.replace('│', '\n').split('\n')) | {
        line.split('│')[1].strip() for line in made.text.splitlines() if line.startswith('│')
    }


def test_a_lone_surrogate_is_reported(cases_dir, tmp_path, capsys):
    given = ('--images', cases_dir / 'images', '--labels', cases_dir / 'lone-surrogate.json')
    made = run_tool('init', tmp_path / 'p', *given, '--preset', 'mini', capsys=capsys)
    assert 'half of a surrogate pair' in made.text
    assert 'Traceback' not in made.text
    assert is_encodable(made.text)
