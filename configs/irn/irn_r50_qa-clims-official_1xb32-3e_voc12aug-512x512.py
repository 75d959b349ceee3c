# Preset official: labels and maps of that preset, no padding, the released code's threshold
_base_ = './irn_r50_qa-clims_1xb32-3e_voc12aug-512x512.py'
threshold = 0.2
cams = '{work_dir}/../qa-clims_r50_clip-vitl14-mask-official-export_2xb4-15e_voc12aug-512x512/cams'
model = dict(pad_to=None)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(
                type='LoadMask',
                masks='{work_dir}/../ir-label_crf_qa-clims-official_voc12aug-full/ir_labels',
            ),
            dict(type='RandomScale', min_factor=0.5, max_factor=1.5),
            dict(type='RandomFlip', prob=0.5),
            dict(type='RandomCropPad', size=512),
            dict(type='PackWeakInputs', num_classes=20),
        ]
    )
)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadMask'),
            dict(type='LoadCAMs', cams=cams),
            dict(type='PackWeakInputs', num_classes=20, scales=(1.0,)),
        ]
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', out_dir='{work_dir}/pseudo_masks', threshold=threshold),
    dict(
        type='CAMMetric',
        out_file='{work_dir}/curve.json',
        journal='{work_dir}/journal',
        report_at=threshold,
        prefix='mask',
    ),
]
