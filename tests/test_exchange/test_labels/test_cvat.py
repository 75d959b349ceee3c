import pytest

from qaclims_mm.errors import FormatError
from qaclims_mm.exchange.labels.reading import read_source

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{}</annotations>'
IMAGE = '<image id="0" name="{}" width="80" height="64">{}</image>'


def read(tmp_path, *images, head=HEAD):
    path = tmp_path / 'annotations.xml'
    path.write_text(head.format(''.join(images)), encoding='utf-8')
    return read_source(path, tmp_path)


@pytest.mark.parametrize(
    'child',
    [
        '<tag label="cat" source="manual"><attribute name="x">dog</attribute></tag>',
        '<box label="cat" xtl="1" ytl="2" xbr="3" ybr="4" z_order="0"></box>',
        '<polygon label="cat" points="1,2;3,4;5,6"></polygon>',
        '<mask label="cat" rle="3,4" left="1" top="2" width="3" height="4"/>',
        '<ellipse label="cat" cx="1" cy="2" rx="3" ry="4"/>',
        '<skeleton label="cat"><points label="nose" points="1,2"/></skeleton>',
    ],
)
def test_tags_and_shapes(tmp_path, child):
    found = read(tmp_path, IMAGE.format('a.jpg', child), IMAGE.format('sub/b.jpg', ''))
    assert found.rows == {'a.jpg': ['cat'], 'sub/b.jpg': []}
    assert found.problems == []


def test_labels_are_data(tmp_path):
    labels = ['{{$HOME:x}}', '猫', 'a "b"', '</tag>']
    tags = ''.join(
        f'<tag label="{label.replace("<", "&lt;").replace(chr(34), "&quot;")}"/>'
        for label in labels
    )
    assert read(tmp_path, IMAGE.format('a.jpg', tags)).rows == {'a.jpg': labels}


def test_an_image_without_a_name_is_left_out(tmp_path):
    found = read(
        tmp_path, IMAGE.format('', '<tag label="cat"/>'), IMAGE.format('b', '<tag label="x"/>')
    )
    assert found.rows == {'b': ['x']}
    assert 'annotations.xml, image 0: no image is named' in found.problems[0]


def test_a_folder_with_one_export(tmp_path):
    read(tmp_path, IMAGE.format('a.jpg', '<tag label="cat"/>'))
    (tmp_path / 'images').mkdir()
    assert read_source(tmp_path, tmp_path / 'images').rows == {'a.jpg': ['cat']}
    (tmp_path / 'b.xml').write_text(HEAD.format(''))
    with pytest.raises(FormatError, match=r'has 2 files of labels \(annotations\.xml, b\.xml\); g'):
        read_source(tmp_path, tmp_path / 'images')


@pytest.mark.parametrize(
    ('images', 'head', 'message'),
    [
        (['<track id="0" label="cat"><box frame="0"/></track>'], HEAD, '"CVAT for video", which'),
        (
            [IMAGE.format('a.jpg', '')],
            HEAD,
            "is CVAT's XML, but its 1 image has no label; ",
        ),
        (
            [],
            HEAD,
            "is CVAT's XML, but it names no image; add tags or shapes in CVAT, save, and ch",
        ),
        ([], '<osm>{}</osm>', r"is XML of an unknown kind \(its root is 'osm'\)"),
        (['<image>'], HEAD, r'annotations\.xml: no valid XML \(mismatched tag'),
    ],
)
def test_exports_that_are_of_no_use(tmp_path, images, head, message):
    with pytest.raises(FormatError, match=message):
        read(tmp_path, *images, head=head)
