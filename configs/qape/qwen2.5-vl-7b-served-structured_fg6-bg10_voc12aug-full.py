# All 16 questions about a class by one prompt, answered in JSON: a sixteenth of the requests
_base_ = './qwen2.5-vl-7b-served_fg6-bg10_voc12aug-full.py'
work_dir = f'{_base_.root}/qape_qwen2.5-vl-7b-served-structured'
model = dict(vqa=dict(structured=True))
