# Preset official: what the released code does where it differs from the paper
_base_ = './blip-vqa-base_fg6-bg10_voc12aug-480x480.py'
model = dict(
    # converted by qaclims convert blip; the hub's was made for 384 px
    vqa=dict(model='data/weights/blip_vqa-base-capfilt-large'),
    question_set='official',  # background questions in lower case, "environment" spelt right
    lemmatize=True,
    label_test='substring',  # "hotdog" counts as "dog"
    aliases={'dining table': ['table'], 'potted plant': ['plant'], 'tv monitor': ['monitor']},
)
