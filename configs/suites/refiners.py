# What each refiner makes of the baseline's maps and of QA-CLIMS's, beside a segmenter that is
# prompted and has been trained with masks. MiniWorld's plan alone has all of these stages.
title = 'Masks of maps, of prompts, and of both'
variants = dict(
    cam=dict(title='CAM', stage='cam', paper=48.3),
    cam_irn=dict(title='CAM + IRN', stage='cam_irn_masks', paper=66.5),
    cam_par=dict(title='CAM + PAR', stage='cam_par'),
    cam_prompted=dict(title='CAM + prompted', stage='cam_prompted_maps'),
    qa_clims=dict(title='QA-CLIMS', paper=67.3),
    irn=dict(title='QA-CLIMS + IRN', stage='irn_masks', paper=77.4),
    par=dict(title='QA-CLIMS + PAR', stage='par'),
    prompted=dict(title='the label as a prompt', stage='prompted'),
    prompted_answers=dict(title='label and answers as prompts', stage='prompted_answers'),
    prompted_maps=dict(title='QA-CLIMS + prompted', stage='prompted_maps'),
)
