# Preset official: what the released code does where it differs from the paper. The same in both:
# mask prompts, losses summed over the pairs, SyncBN, append_label, weights 10 / 8 / 0.2.
_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
momentum = 1e-4  # by a bug: the weight decay lands in the momentum
stem = dict(lr_mult=0.0)  # conv1 and bn1 keep their weights, but bn1's statistics move

model = dict(
    activation='relu',
    backbone=dict(frozen_stages=-1),  # the stem is held by its learning rate, which is logged as lr
    image_head=dict(norm='imagenet'),
    loss_brc=dict(positive='mean_exp'),
    fg_fusion='label_half',
    region_image='soft',
)
text_encoding = dict(
    prompt='a photo of {answer}.',
    bg_filter='distinct',
)
optim_wrapper = dict(
    optimizer=dict(momentum=momentum),
    paramwise_cfg=dict(custom_keys={'backbone.conv1': stem, 'backbone.bn1': stem}),
)
