# Table 5 of the paper: what each group of questions brings. Without a group of the background the
# text is "no {class}", without one of the foreground it is the class.
title = 'Groups of questions (table 5)'
groups = {
    'fine': (('fine',), 61.0),
    'alias': (('alias',), 60.7),
    'object': (('object',), 66.3),
    'scene': (('scene',), 64.5),
    'fg': (('fine', 'alias'), 61.2),
    'bg': (('object', 'scene'), 67.0),
}
variants = {
    # without answers the class stands against "no {class}"
    'none': dict(title='no answers (RITC without QAPE)', paper=60.2, stage='ritc'),
}
variants |= {
    name: dict(
        title=' + '.join(chosen),
        paper=paper,
        options={'text_encoding.groups': list(chosen)},
    )
    for name, (chosen, paper) in groups.items()
}
variants['all'] = dict(title='fine + alias + object + scene', paper=67.3)
