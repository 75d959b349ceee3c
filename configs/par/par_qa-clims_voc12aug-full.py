# QA-CLIMS's maps refined by the colours of the picture alone, in place of IRN: nothing is trained
_base_ = [
    '../_base_/plugin.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
]
threshold = 0.25  # of the masks' background
model = dict(type='PARRefiner', steps=10, normalise='image')
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(
                type='LoadCAMs',
                cams='{work_dir}/../qa-clims_r50_clip-vitl14-mask-export_2xb4-15e_voc12aug-512x512/cams',
            ),
            dict(type='PackWeakInputs', num_classes=20, scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', out_dir='{work_dir}/pseudo_masks', threshold=threshold)
]
