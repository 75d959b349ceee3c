_base_ = './eomt_vit-mini_full_1xb16-10e_miniworld-112x112.py'
work_dir = f'{_base_.root}/segment_eomt'
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadBGRImage'),
            dict(
                type='LoadMask',
                masks=f'{_base_.root}/{_base_.masks_by or "irn_masks"}/pseudo_masks',
                corrected=f'{_base_.root}/corrected',
            ),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ]
    )
)
