# From weights trained on COCO's masks, as some methods report it: the head is new
_base_ = './deeplabv2_r101_qa-clims-irn_1xb5-30k_voc12aug-321x321.py'
work_dir = f'{_base_.root}/segment_coco-weights'
model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained', checkpoint='pretrained/deeplabv2_r101-coco.pth', prefix='backbone.'
        )
    )
)
