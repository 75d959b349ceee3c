_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
texts = '{work_dir}/texts'
clip = dict(model='ViT-B-16-quickgelu', pretrained='openai')
model = dict(image_head=dict(**clip, mask_prompt=None))
text_bank = dict(text_head=clip)
