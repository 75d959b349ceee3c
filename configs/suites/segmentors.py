# How close a segmentor trained on masks of QA-CLIMS comes to one trained on ground truth. Both are
# tested on pictures that no training has seen. The rows of masks are of training pictures.
title = 'From maps to a segmentor'
columns = {
    'seg/mIoU': 'mIoU on other pictures',
    'mask/mIoU': 'masks, best mIoU',
    'mask/mIoU@0.25': 'masks at 0.25',
}
reference = 'full'
variants = dict(
    irn=dict(title='QA-CLIMS + IRN, its masks', stage='irn_masks'),
    par=dict(title='QA-CLIMS + PAR, its masks', stage='par'),
    segment=dict(title='DeepLabV2 trained on the masks of IRN', stage='segment_test'),
    full=dict(title='DeepLabV2 trained on ground truth', stage='segment_full_test'),
)
