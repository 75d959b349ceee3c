# Maps of all 10582 images, from which IRN learns; there is no ground truth to judge them by
_base_ = './qa-clims_r50_clip-vitl14-mask_2xb4-15e_voc12aug-512x512.py'
work_dir = f'{_base_.root}/qa_clims_export'
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='PackWeakInputs', scales=(1.0, 0.5, 1.5, 2.0)),
        ],
    )
)
test_evaluator = [dict(type='CAMWriter')]
