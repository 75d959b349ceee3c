from qaclims_mm.demo.answers import answer_tables


def test_a_table_of_each_class():
    rows = [('cat', 'the object', 'What?', 'pet'), ('cat', 'around it', 'Where?', 'sofa')]
    shown = answer_tables([*rows, ('<b>', 'the object', '{{x}}', '</td>')])
    assert shown.count('<table>') == 2
    assert '<caption>cat</caption>' in shown
    assert '<tr><td>around it</td><td>Where?</td><td>sofa</td></tr>' in shown
    assert '<caption>&lt;b&gt;</caption>' in shown
    assert '<td>{{x}}</td><td>&lt;/td&gt;</td>' in shown
    assert shown.count('<th scope="col">') == 6


def test_nothing_was_asked():
    assert answer_tables([]) == ''
