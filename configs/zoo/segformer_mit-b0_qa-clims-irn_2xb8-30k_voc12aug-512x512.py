_base_ = [
    'mmseg::_base_/models/segformer_mit-b0.py',
    '../_base_/plugin.py',
    '../_base_/runtime_iters.py',
    '../_base_/datasets/voc12_segment.py',
    '../_base_/schedules/segment-30k.py',
]
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    decode_head=dict(num_classes=21),
)
train_dataloader = dict(batch_size=8)
