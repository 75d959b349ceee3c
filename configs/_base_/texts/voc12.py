# The published texts of CLIP-ES: synonyms, and what may be around the classes of VOC
voc12_texts = dict(
    class_texts={
        'bird': 'bird avian',
        'chair': 'chair seat',
        'dining table': 'diningtable',
        'person': 'person with clothes,people,human',
        'potted plant': 'pottedplant',
        'tv monitor': 'tvmonitor screen',
    },
    background_texts=[
        'ground', 'land', 'grass', 'tree', 'building', 'wall', 'sky', 'lake', 'water', 'river',
        'sea', 'railway', 'railroad', 'keyboard', 'helmet', 'cloud', 'house', 'mountain', 'ocean',
        'road', 'rock', 'street', 'valley', 'bridge', 'sign',
    ],
    prompt='a clean origami {text}.',
)  # fmt: skip
