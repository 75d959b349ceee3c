from qaclims_mm.exchange.labels.words import as_words


def test_words():
    assert as_words(['traffic_light', 'Traffic Light', 'cat', 'CAT ', 'potted  plant']) == {
        'traffic_light': 'traffic light',
        'Traffic Light': 'traffic light',
        'cat': 'cat',
        'CAT ': 'cat',
        'potted  plant': 'potted plant',
    }
