# As fast as a GPU trains it: bfloat16, CLIP's weights too, and convolutions with channels last
_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
work_dir = f'{_base_.root}/qa-clims_bf16'
model = dict(channels_last=True, image_head=dict(dtype='bfloat16'))
optim_wrapper = dict(type='Bfloat16OptimWrapper')
