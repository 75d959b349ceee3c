# Preset official: labels and maps of that preset, no padding, the released code's threshold
_base_ = './irn_r50_qa-clims_1xb32-3e_voc12aug-512x512.py'
work_dir = 'work_dirs/voc12-official/irn'
threshold = 0.2
model = dict(pad_to=None)
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
