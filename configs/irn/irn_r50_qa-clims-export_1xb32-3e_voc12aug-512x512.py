# Masks of all 10582 images, from which segmentors learn; there is no ground truth to judge them by
_base_ = './irn_r50_qa-clims_1xb32-3e_voc12aug-512x512.py'
work_dir = f'{_base_.root}/irn_export'
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadCAMs', cams=f'{_base_.root}/qa_clims_export/cams', full_size=False),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [dict(type='PseudoMaskWriter', threshold=0.25)]
