# Questions about colour and texture beside those of the paper, whose introduction says that they
# bring less than those about what a thing is and where, and shows no number. Not for MiniWorld,
# whose BLIP and CLIP have no words for colours.
title = 'Low-level questions'
groups = ['fine', 'alias', 'object', 'scene']
variants = dict(
    color=dict(
        title='and colour',
        qape={'model.groups': [*groups, 'color']},
        options={'text_encoding.groups': [*groups, 'color']},
    ),
    texture=dict(
        title='and texture',
        qape={'model.groups': [*groups, 'texture']},
        options={'text_encoding.groups': [*groups, 'texture']},
    ),
    only=dict(
        title='colour and texture as the only foreground',
        qape={'model.groups': ['color', 'texture', 'object', 'scene']},
        options={'text_encoding.groups': ['color', 'texture', 'object', 'scene']},
    ),
    without=dict(title='the four groups of the paper', paper=67.3),
)
