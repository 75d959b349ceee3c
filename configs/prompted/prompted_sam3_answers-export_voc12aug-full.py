# The same for all training images, whose masks train a segmentor; no ground truth is read
_base_ = './prompted_sam3_answers_voc12aug-full.py'
work_dir = f'{_base_.root}/prompted_answers_export'
test_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[
            dict(type='LoadRGBImage'),
            dict(type='LoadAnswers', corpus=f'{_base_.root}/qape/corpus'),
            dict(type='PackWeakInputs', scales=(1.0,)),
        ],
    )
)
test_evaluator = [
    dict(type='PseudoMaskWriter', maps='cam_high_res', threshold=_base_.threshold),
]
