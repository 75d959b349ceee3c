# SigLIP through transformers in place of CLIP; it knows no masks
_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
texts = '{work_dir}/texts'
siglip = 'google/siglip-base-patch16-224'  # or a folder with its safetensors and tokenizer
model = dict(
    image_head=dict(
        _delete_=True,  # open_clip's options
        type='HFImageHead',
        model=siglip,
    )
)
text_bank = dict(
    text_head=dict(
        _delete_=True,  # open_clip's options
        type='HFTextHead',
        model=siglip,
    )
)
