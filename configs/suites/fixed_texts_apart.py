# Why answers about the image are worth more than fixed texts of the class. Each row differs in one
# respect from the row that its title begins with. MiniWorld's plan alone has these stages.
title = 'Answers and fixed texts, taken apart'
variants = dict(
    fixed=dict(title='fixed texts of the class', stage='fixed'),
    fixed_fg=dict(title='fixed, with the answers about the object', stage='fixed_fg'),
    fixed_right=dict(title='fixed, where they are right alone', stage='fixed_right'),
    fixed_scene=dict(title='fixed, of the scene in the picture', stage='fixed_scene'),
    background=dict(
        title='answers, around the object alone',
        options={'text_encoding.groups': ['object', 'scene']},
    ),
    answers_any=dict(title='answers, the background of any other image', stage='answers_any'),
    answers_class=dict(title='answers, about another image of the class', stage='answers_class'),
    answers_fixed=dict(title='answers, every second one a fixed text', stage='answers_fixed'),
    qa_clims=dict(title='answers about the image', paper=67.3),
)
