# BLIP-2, asked as in its paper; 4B parameters, 8 GB in bfloat16
_base_ = './blip-vqa-base_fg6-bg10_voc12aug-480x480.py'
work_dir = f'{_base_.root}/qape_blip2-flan-t5-xl'
model = dict(
    vqa=dict(
        _delete_=True,  # BLIP's options
        type='Blip2VQA',
        model='Salesforce/blip2-flan-t5-xl',
        image_size=224,
        num_beams=5,
        length_penalty=-1.0,  # the short answers win
        dtype='bfloat16',
    )
)
