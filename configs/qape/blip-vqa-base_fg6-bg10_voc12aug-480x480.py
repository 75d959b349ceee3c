# Preset paper: table 6 of the paper, word for word
_base_ = [
    '../_base_/plugin.py',
    '../_base_/root.py',
    '../_base_/default_runtime.py',
    '../_base_/datasets/voc12_weak.py',
]
work_dir = f'{_base_.root}/qape'
image_size = 480  # px, the aspect is not kept
batch_size = 16  # images; each is asked 16 questions a class

model = dict(
    type='VQACorpusBuilder',
    vqa=dict(
        type='BlipVQA',
        model='Salesforce/blip-vqa-base',
        image_size=image_size,
        num_beams=3,
        max_length=10,
        encoder_token_id=30523,  # [ENC], with which BLIP was trained; transformers puts [CLS]
    ),
    question_set='paper',
    lemmatize=False,
    append_label=True,
    label_test='words',
    aliases=dict(),
)
test_dataloader = dict(
    batch_size=batch_size,
    sampler=dict(shard_size=512),
    dataset=dict(
        ann_file='ImageSets/Segmentation/trainaug.txt',
        pipeline=[dict(type='LoadRGBImage'), dict(type='PackWeakInputs')],
    ),
)
test_evaluator = [dict(type='CorpusWriter')]
