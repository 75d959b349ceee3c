_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
work_dir = f'{_base_.root}/qa-clims_clip-vitb16'
text_bank = f'{_base_.root}/texts_vitb16/text_bank'
clip = dict(model='ViT-B-16-quickgelu', pretrained='openai')
model = dict(text_bank=text_bank, image_head=dict(**clip, mask_prompt=None))
text_encoding = dict(text_head=clip)
train_dataloader = _base_.train_dataloader
train_dataloader.dataset.pipeline[1].text_bank = text_bank
