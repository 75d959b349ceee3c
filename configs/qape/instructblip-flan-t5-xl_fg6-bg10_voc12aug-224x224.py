# InstructBLIP looks at the image for what the question asks
_base_ = './blip2-flan-t5-xl_fg6-bg10_voc12aug-224x224.py'
work_dir = f'{_base_.root}/qape_instructblip-flan-t5-xl'
model = dict(vqa=dict(model='Salesforce/instructblip-flan-t5-xl'))
