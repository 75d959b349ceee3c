# Preset official: the released code's threshold of the background
_base_ = './ir-label_crf_qa-clims_voc12aug-full.py'
ir_label = dict(conf_bg=0.1)
