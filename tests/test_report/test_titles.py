from qaclims_mm.report.titles import TITLES, Titles, in_order


def test_order_of_the_plans_then_of_the_alphabet():
    names = [
        'zoo',
        'segment',
        'irn_masks',
        'irn',
        'a$b',
        'cam_maps',
        'cam',
        'data',
        'qa_clims_maps/cams',
        'qa_clims_export',
    ]
    assert in_order(names) == [
        *('data', 'cam', 'cam_maps', 'qa_clims_export', 'qa_clims_maps/cams'),
        *('irn', 'irn_masks', 'segment', 'a$b', 'zoo'),
    ]


def test_titles_differ():
    assert len(set(TITLES.values())) == len(TITLES)


def test_titles_of_stages_and_of_rows():
    rows = {'qa_clims_maps': 'omega 0.1 (omega)', 'omega-0.05_maps': 'omega 0.05 (omega)'}
    titles = Titles(rows)
    assert titles.of('qa_clims') == titles.of('qa_clims_maps') == 'QA-CLIMS'
    assert titles.of('irn_masks') == titles.of('irn')
    assert titles.of('segment_full_test') == 'segmentor on ground truth'
    assert titles.of('omega-0.05') == titles.of('omega-0.05_maps') == 'omega 0.05 (omega)'
    # of what it makes for other images, and of the files in it
    for name in ('qa_clims_export', 'cam_maps/cams', 'zoo_maps'):
        assert titles.of(name) == name
    assert titles.variants == {'omega-0.05_maps'}
