# The CRF on the GPU instead of the cores: another approximation of the same Gaussians, whose labels
# differ along contours (docs/benchmarks.md)
_base_ = './ir-label_crf_qa-clims_voc12aug-full.py'
model = dict(type='IRLabeler', conf_fg=0.3, conf_bg=0.05)
test_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams='{cams}'),
            dict(type='PackWeakInputs'),
        ],
    ),
)
