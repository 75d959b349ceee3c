# The published texts of CLIP-ES for COCO, but for snowboard, which they misspell
coco14_texts = dict(
    class_texts={
        'person': 'person with clothes,people,human',
        'motorcycle': 'motorbike',
        'airplane': 'aeroplane',
        'bird': 'bird avian',
        'backpack': 'backpack,bag',
        'umbrella': 'umbrella,parasol',
        'handbag': 'handbag,purse',
        'tie': 'necktie',
        'baseball glove': 'glove',
        'spoon': 'dessertspoon',
        'chair': 'chair seat',
        'couch': 'sofa',
        'potted plant': 'pottedplant',
        'dining table': 'diningtable',
        'tv': 'tvmonitor screen',
        'remote': 'remote control',
        'hair drier': 'hairdrier,blowdrier',
    },
    background_texts=[
        'ground', 'land', 'grass', 'tree', 'building', 'wall', 'sky', 'lake', 'water', 'river',
        'sea', 'railway', 'railroad', 'helmet', 'cloud', 'house', 'mountain', 'ocean', 'road',
        'rock', 'street', 'valley', 'bridge',
    ],
    prompt='a clean origami {text}.',
)  # fmt: skip
