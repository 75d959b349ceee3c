# The left column of the paper's table 1: whose maps are better before any refinement. Its first row
# is IRN's, whose maps are those of the conventional classifier.
title = 'Activation maps of several methods (table 1)'
variants = dict(
    cam=dict(title='CAM', stage='cam', paper=48.3),
    puzzle=dict(title='Puzzle-CAM', stage='puzzle'),
    clip_cam=dict(title='CLIP, not trained', stage='clip_cam'),
    clip_es=dict(title='CLIP-ES, not trained', stage='clip_es'),
    weclip=dict(title='WeCLIP, its maps', stage='weclip'),
    prompted=dict(title='The label as a prompt, not trained', stage='prompted'),
    prompted_answers=dict(title='Label and answers as prompts', stage='prompted_answers'),
    clims=dict(title='CLIMS', stage='clims', paper=56.6),
    ritc=dict(title='RITC without QAPE', stage='ritc', paper=60.2),
    qa_clims=dict(title='QA-CLIMS', paper=67.3),
)
