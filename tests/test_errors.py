import pytest

from qaclims_mm import errors

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize('kind', KINDS)
def test_every_error_is_of_this_package_and_says_what_it_means(kind):
    assert issubclass(kind, errors.QAClimsError)
    assert kind.__doc__
    # an interpreter would end at a SystemExit without a word
    assert issubclass(kind, Exception)
