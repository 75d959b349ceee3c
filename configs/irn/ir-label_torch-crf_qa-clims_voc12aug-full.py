# The CRF on the GPU instead of the cores: another approximation of the same Gaussians, whose labels
# differ along contours (docs/benchmarks.md)
_base_ = './ir-label_crf_qa-clims_voc12aug-full.py'
work_dir = f'{_base_.root}/ir_label_torch'
model = dict(type='IRLabeler', conf_fg=0.3, conf_bg=0.05)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams=_base_.cams),
            dict(type='PackWeakInputs'),
        ],
    ),
)
