import pytest

from qaclims_mm.exchange.uploads import readings_of_upload, stored_name


@pytest.mark.parametrize(
    ('path', 'readings'),
    [
        ('a.jpg', ['a.jpg']),
        ('x/a.jpg', ['x/a.jpg']),
        # how Label Studio 1.21 stores and exports uploaded files
        ('data/upload/3/8f2a1b3c-a.jpg', ['8f2a1b3c-a.jpg', 'a.jpg']),
        ('lsdata/media/upload/8/8f2a1b3c-a.jpg', ['8f2a1b3c-a.jpg', 'a.jpg']),
        ('upload/8/a.jpg', ['a.jpg']),
        ('images/8f2a1b3c-a.jpg', ['images/8f2a1b3c-a.jpg', 'a.jpg']),
        ('labels/8f2a1b3c-a', ['labels/8f2a1b3c-a', 'a']),
        ('8f2a1b3c-a.jpg', ['8f2a1b3c-a.jpg', 'a.jpg']),
        # and those whose names are not ASCII
        ('images/8fe7758b__é 2.jpg', ['images/8fe7758b__é 2.jpg', 'é 2.jpg']),
        ('images/8fe7758b__8f2a1b3c-é.jpg', ['images/8fe7758b__8f2a1b3c-é.jpg', 'é.jpg']),
        # a folder that is the user's stays
        ('val/8f2a1b3c-a.jpg', ['val/8f2a1b3c-a.jpg', 'val/a.jpg']),
        ('upload/x/a.jpg', ['upload/x/a.jpg']),
        # other hexadecimal names
        ('8f2a1b3-a.jpg', ['8f2a1b3-a.jpg']),
        ('8F2A1B3C-a.jpg', ['8F2A1B3C-a.jpg']),
        ('8f2a1b3c-', ['8f2a1b3c-']),
        ('8f2a1b3c.jpg', ['8f2a1b3c.jpg']),
        ('', ['']),
    ],
)
def test_readings(path, readings):
    assert readings_of_upload(path) == readings


@pytest.mark.parametrize(
    ('path', 'stored'),
    [
        ('mini é 2.jpg', 'mini_é_2.jpg'),
        ('My photo (1).jpg', 'My_photo_1.jpg'),
        ('a/b c.jpg', 'a/b_c.jpg'),
        ('é.jpg', 'é.jpg'),
    ],
)
def test_stored_names(path, stored):
    assert stored_name(path) == stored
