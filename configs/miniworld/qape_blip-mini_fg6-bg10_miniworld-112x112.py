_base_ = [
    '../_base_/plugin.py',
    '../_base_/root_miniworld.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/miniworld.py',
]
work_dir = f'{_base_.root}/qape'

model = dict(
    type='VQACorpusBuilder',
    vqa=dict(type='BlipVQA', model='miniworld://blip', image_size=None),
    question_set='paper',
)
test_dataloader = dict(
    batch_size=64,
    sampler=dict(shard_size=512),
    dataset=dict(
        pipeline=[dict(type='LoadRGBImage'), dict(type='PackWeakInputs')],
    ),
)
test_evaluator = [dict(type='CorpusWriter')]
