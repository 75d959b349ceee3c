# Answers about the object, fixed texts of its class around it
_base_ = [
    './qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py',
    '../_base_/texts/miniworld.py',
]
work_dir = f'{_base_.root}/fixed_fg'
text_bank = f'{_base_.root}/fixed_fg_texts/text_bank'
model = dict(text_bank=text_bank)
text_encoding = dict(
    edit=dict(type='ListedBackgrounds', lists=_base_.scene_texts),
)
train_dataloader = _base_.train_dataloader
train_dataloader.dataset.pipeline[1].text_bank = text_bank
