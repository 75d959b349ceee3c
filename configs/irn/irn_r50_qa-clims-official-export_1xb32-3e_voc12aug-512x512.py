# Masks of all 10582 training images, from which segmentors learn; no true masks, so no mIoU
_base_ = './irn_r50_qa-clims-official_1xb32-3e_voc12aug-512x512.py'
work_dir = 'work_dirs/voc12-official/irn_export'
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
test_evaluator = [dict(type='PseudoMaskWriter', out_dir='{work_dir}/pseudo_masks', threshold=0.2)]
