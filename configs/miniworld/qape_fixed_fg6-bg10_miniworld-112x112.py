# The texts of CLIMS in the place of answers: the same for all pictures of a class
_base_ = ['./qape_blip-mini_fg6-bg10_miniworld-112x112.py', '../_base_/texts/miniworld.py']
work_dir = f'{_base_.root}/qape_fixed'
model = dict(
    vqa=dict(
        _delete_=True,  # BLIP's options
        type='FixedAnswers',
        answers=_base_.scene_texts,
    )
)
