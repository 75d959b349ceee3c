# InstructBLIP looks at the image for what the question asks
_base_ = './blip2-flan-t5-xl_fg6-bg10_voc12aug-224x224.py'
model = dict(vqa=dict(model='Salesforce/instructblip-flan-t5-xl'))
