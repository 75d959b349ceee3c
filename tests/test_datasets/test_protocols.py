import numpy as np
import pytest

from qaclims_mm.datasets.protocols import ImageList, ImageReader, RecordChecker


class Everything:
    def __len__(self):
        return 1

    def image_ids(self):
        return ['a']

    def check_records(self, records):
        pass

    def read(self, path):
        return np.zeros((1, 1, 3), np.uint8), (1, 1)


@pytest.mark.parametrize('protocol', [ImageList, ImageReader, RecordChecker])
def test_a_class_of_a_user_needs_the_members_alone(protocol):
    assert isinstance(Everything(), protocol)
    assert not isinstance(object(), protocol)


def test_a_list_of_images_needs_ids_and_a_length():
    class Endless:
        image_ids = Everything.image_ids

    assert not isinstance(Endless(), ImageList)
    assert not isinstance(['a'], ImageList)
