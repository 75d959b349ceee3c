# A chat model; images keep their aspect and size. Its licence is for research alone.
_base_ = './blip-vqa-base_fg6-bg10_voc12aug-480x480.py'
work_dir = f'{_base_.root}/qape_qwen2.5-vl-3b'
model = dict(
    vqa=dict(
        _delete_=True,  # BLIP's options
        type='ChatVQA',
        model='Qwen/Qwen2.5-VL-3B-Instruct',
        dtype='bfloat16',
    )
)
