# How the VQA model is asked; another model is a row with qape={'model.vqa.model': FOLDER}
title = 'How the VQA model is asked'
variants = dict(
    greedy=dict(title='greedy answers', qape={'model.vqa.num_beams': 1}),
    official=dict(title="the released code's questions", qape={'model.question_set': 'official'}),
    paper=dict(title='three beams, questions of table 6', paper=67.3),
)
