# Preset official: labels and maps of that preset, no padding, the released code's threshold
_base_ = './irn_r50_qa-clims_1xb32-3e_voc12aug-512x512.py'
threshold = 0.2
model = dict(pad_to=None)
test_evaluator = [
    dict(type='PseudoMaskWriter', threshold=threshold),
    dict(
        type='CAMMetric',
        report_at=threshold,
        maps='refined_maps',
        prefix='mask',
    ),
]
