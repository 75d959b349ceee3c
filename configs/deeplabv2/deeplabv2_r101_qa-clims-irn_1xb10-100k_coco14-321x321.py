# The paper's DeepLabV2 on COCO (appendix C)
_base_ = [
    './deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py',
    '../_base_/datasets/coco14.py',
]
batch_size = 10
iterations = 100000
model = dict(decode_head=dict(num_classes=81))
auto_scale_lr = dict(base_batch_size=batch_size)
train_dataloader = dict(
    batch_size=batch_size,
    dataset=dict(
        **_base_.coco14_train,
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(
                type='LoadMask',
                masks=f'{_base_.root}/{_base_.masks_by or "irn_masks"}/pseudo_masks',
                corrected=f'{_base_.root}/corrected',
            ),
            dict(
                type='RandomChoice',
                transforms=[
                    [dict(type='Resize', scale_factor=s, keep_ratio=True)]
                    for s in (0.5, 0.75, 1.0, 1.25, 1.5)
                ],
            ),
            dict(type='RandomCrop', crop_size=(321, 321)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    ),
)
test_dataloader = dict(dataset=_base_.coco14_val)
val_dataloader = dict(dataset=_base_.coco14_val)
train_cfg = dict(max_iters=iterations)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=0.0, by_epoch=False, end=iterations)]
