# QA-CLIMS's maps refined by the colours of the picture alone, in place of IRN: nothing is trained
_base_ = [
    '../_base_/plugin.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
]
work_dir = 'work_dirs/voc12/par'
cams = '{work_dir}/../qa_clims_export/cams'
threshold = 0.25  # of the masks' background
model = dict(type='PARRefiner', steps=10, normalise='image')
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams='{cams}'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', out_dir='{work_dir}/pseudo_masks', threshold=threshold)
]
