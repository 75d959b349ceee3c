# A chat model behind an OpenAI-compatible endpoint, such as that of vLLM
_base_ = './blip-vqa-base_fg6-bg10_voc12aug-480x480.py'
work_dir = f'{_base_.root}/qape_qwen2.5-vl-7b-served'
model = dict(
    vqa=dict(
        _delete_=True,  # BLIP's options
        type='ServedVQA',
        model='Qwen/Qwen2.5-VL-7B-Instruct',
        # api_key_env is the name of a variable; the key itself never stands in a config
        server=dict(base_url='http://localhost:8000/v1', api_key_env=None, concurrency=64),
    )
)
test_dataloader = dict(batch_size=4)  # images; as many batches are open as keep the server busy
test_cfg = dict(type='AheadTestLoop')
test_evaluator = [dict(type='CorpusWriter', save_every=64)]
