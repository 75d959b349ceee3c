# A smaller chat model under Apache-2.0
_base_ = './qwen2.5-vl-3b_fg6-bg10_voc12aug-full.py'
work_dir = f'{_base_.root}/qape_smolvlm-2b'
model = dict(vqa=dict(model='HuggingFaceTB/SmolVLM-Instruct'))
