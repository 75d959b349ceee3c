import numpy as np

from qaclims_mm.inference.maps import CAMPrediction


def test_a_notebook_shows_maps_with_a_colour_bar():
    mask = np.zeros((4, 5), np.uint8)
    mask[0] = 3
    values = dict(image_id='a', classes=['</script>'], cams=np.zeros((1, 4, 5)), mask=mask)
    found = CAMPrediction(values, [np.zeros((4, 5, 3), np.uint8)], [2])
    assert found['classes'] == ['</script>']
    text = found._repr_html_()
    assert '</script>' not in text
    assert '&lt;/script&gt;, 25.0 % of the mask' in text
    assert text.count('data:image/png;base64,') == 1
    assert 'linear-gradient(to right,rgb(0,0,3)' in text
    assert text.endswith(' 1</div></div>')


def test_no_class():
    values = dict(image_id='a', classes=[], cams=np.zeros((0, 4, 5)), mask=np.zeros((4, 5)))
    assert '<img' not in CAMPrediction(values, [], [])._repr_html_()
