from qaclims_mm.report.titles import TITLES, in_order


def test_order_of_the_pipelines_then_of_the_alphabet():
    names = [
        'zoo',
        'segment',
        'irn_masks',
        'irn',
        'a$b',
        'cam_maps',
        'cam',
        'data',
        'qa_clims/cams',
    ]
    wanted = ['data', 'cam', 'cam_maps', 'qa_clims/cams', 'irn', 'irn_masks', 'segment']
    assert in_order(names) == [*wanted, 'a$b', 'zoo']


def test_titles_differ():
    assert len(set(TITLES.values())) == len(TITLES)
