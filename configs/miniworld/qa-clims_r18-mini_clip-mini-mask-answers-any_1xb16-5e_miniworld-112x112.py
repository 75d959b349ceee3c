# Answers about the object; those around it are about any other picture
_base_ = './qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'
work_dir = f'{_base_.root}/answers_any'
text_bank = f'{_base_.root}/answers_any_texts/text_bank'
model = dict(text_bank=text_bank)
text_encoding = dict(
    edit=dict(type='AnswersOfOthers', same_class=False, kinds=['bg']),
)
train_dataloader = _base_.train_dataloader
train_dataloader.dataset.pipeline[1].text_bank = text_bank
