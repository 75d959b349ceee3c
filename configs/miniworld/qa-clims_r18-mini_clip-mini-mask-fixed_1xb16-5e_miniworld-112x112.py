# RITC on fixed texts: QA-CLIMS but for the answers
_base_ = './qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py'
work_dir = f'{_base_.root}/fixed'
text_bank = f'{_base_.root}/fixed_texts/text_bank'
model = dict(text_bank=text_bank)
text_encoding = dict(corpus=f'{_base_.root}/qape_fixed/corpus')
train_dataloader = _base_.train_dataloader
train_dataloader.dataset.pipeline[1].text_bank = text_bank
