# The texts of CLIMS in the place of answers: the same for all pictures of a class
_base_ = './qape_blip-mini_fg6-bg10_miniworld-112x112.py'
work_dir = 'work_dirs/miniworld/qape_fixed'
model = dict(
    vqa=dict(
        _delete_=True,  # BLIP's options
        type='FixedAnswers',
        answers={
            'aeroplane': ['airport', 'airfield', 'runway', 'tarmac'],
            'bird': ['forest', 'woods', 'wilderness', 'branch'],
            'boat': ['lake', 'sea', 'harbor', 'water'],
            'car': ['street', 'city', 'town', 'road'],
            'cat': ['living room', 'indoors', 'house', 'carpet'],
            'potted plant': ['kitchen', 'home', 'apartment', 'table'],
            'sheep': ['meadow', 'field', 'farm', 'grass'],
            'train': ['station', 'railway', 'countryside', 'tracks'],
        },
    )
)
