# SigLIP through transformers in place of CLIP; it knows no masks
_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
work_dir = f'{_base_.root}/qa-clims_siglip-b16'
text_bank = f'{_base_.root}/texts_siglip/text_bank'
siglip = 'google/siglip-base-patch16-224'  # or a folder with its safetensors and tokenizer
model = dict(
    text_bank=text_bank,
    image_head=dict(
        _delete_=True,  # open_clip's options
        type='HFImageHead',
        model=siglip,
    ),
)
text_encoding = dict(
    text_head=dict(
        _delete_=True,  # open_clip's options
        type='HFTextHead',
        model=siglip,
    ),
)
train_dataloader = _base_.train_dataloader
train_dataloader.dataset.pipeline[1].text_bank = text_bank
