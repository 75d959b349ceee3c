"""Labels, class names, file and folder names come out as they went in, or are refused in a line."""

import itertools
import json
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from name_strategies import file_names, is_encodable, names
from PIL import Image
from tool_runs import ROOT

from qaclims_mm.apis.project.checks import as_words, check_source
from qaclims_mm.apis.project.presets import PRESETS
from qaclims_mm.apis.project.sources import read_source
from qaclims_mm.apis.project.writer import Project, write_project
from qaclims_mm.datasets.folder import FolderWeakDataset
from qaclims_mm.schemas import FormatError
from qaclims_mm.schemas.names import problem_of_characters, problem_of_name

CASES = ROOT.parent / 'shared/cases'
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


def classes_of(labels):
    """Return the classes that labels make; those that are refused are left out."""
    found = [' '.join(label.split()) for label in labels]
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
    write_project(Project(folder, images, twin, PRESETS['mini']), 1e11)
    return code_of(folder)


@given(
    labels=st.lists(names, min_size=1, max_size=6),
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
    source = read_source(table, images)
    checked = check_source(source, images)
    made = Project(project, images, checked, PRESETS['mini'])
    if not checked.counts or any(problem_of_characters(folder) for folder in folders):
        # one line, in which nothing is sent to the terminal as it is
        with pytest.raises(FormatError) as refused:
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
        name = stem.strip().replace('\\', '/').removeprefix('./') if voc else stem
        own = labels[k :: len(stems)]
        bad = any(problem_of_name(' '.join(n.split())) for n in own if n.strip())
        if stem in ids and not bad and not any(c in stem for c in '\\'):
            assert ids[stem] == {
                c for c in dataset.class_names if c in classes_of(labels) and c in _all(own, labels)
            }
        elif name not in ids:
            assert left_out
    assert code_of(project) == write_twin(here / 'twin', checked, images)
    assert {p.suffix for p in project.rglob('*') if p.is_file()} == {'.py', '.csv', '.json'}


def _all(own, labels):
    """Return the classes of some labels, called as the first label of their kind."""
    words = as_words([' '.join(label.split()) for label in labels])
    return {words[' '.join(label.split())] for label in own}
