# The released command for COCO and its texts; maps of all training images, judged on all
_base_ = [
    './clims_r50_clip-vitb32_1xb16-15e_voc12aug-512x512.py',
    '../_base_/datasets/coco14.py',
    '../_base_/classes/coco14.py',
]
epochs = 8  # 20520 steps of 32 images
lr = 5e-4  # of the backbone
model = dict(
    cam_head=dict(num_classes=80),
    class_names=_base_.coco14_classes,
    background_texts=[
        'street sign', 'mountain', 'video game', 'men', 'track', 'bus stop', 'cabinet', 'tray',
        'plate', 'shirt', 'city street', 'runway', 'tower', 'ramp', 'grass', 'pillow', 'urinal',
        'lake', 'brick', 'fence', 'shower', 'airport', 'animal', 'shower curtain', 'road',
        'mirror', 'jacket', 'church', 'snow', 'fruit', 'hay', 'floor', 'field', 'street', 'mouth',
        'steam engine', 'cheese', 'river', 'tree branch', 'suit', 'child', 'soup', 'desk', 'tub',
        'tennis court', 'teeth', 'bridge', 'sky', 'officer', 'sidewalk', 'dock', 'tree', 'court',
        'rock', 'board', 'branch', 'pan', 'box', 'body', 'salad', 'dirt', 'leaf', 'hand',
        'highway', 'vegetable', 'computer monitor', 'door', 'meat', 'pair', 'beach', 'harbor',
        'ocean', 'baseball player', 'girl', 'market', 'window', 'blanket', 'boy', 'woman', 'bat',
        'baby', 'flower', 'wall', 'bath tub', 'tarmac', 'tennis ball', 'roll', 'park',
    ],
    loss_otm=dict(loss_weight=2.0),
    loss_btm=dict(loss_weight=14.0),
    loss_cbs=dict(loss_weight=1.25, threshold=0.285),
)  # fmt: skip
auto_scale_lr = dict(base_batch_size=32)
train_dataloader = dict(dataset=_base_.coco14_train)
test_dataloader = dict(dataset=_base_.coco14_train)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(optimizer=dict(lr=lr))
