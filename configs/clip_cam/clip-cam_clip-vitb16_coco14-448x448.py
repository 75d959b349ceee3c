# The same on COCO with its published texts, but for snowboard, which they misspell; maps of all
# training images, judged on all
_base_ = ['./clip-cam_clip-vitb16_voc12aug-448x448.py', '../_base_/datasets/coco14.py']
model = dict(
    class_names=[
        'person', 'bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck', 'boat',
        'traffic light', 'fire hydrant', 'stop sign', 'parking meter', 'bench', 'bird', 'cat',
        'dog', 'horse', 'sheep', 'cow', 'elephant', 'bear', 'zebra', 'giraffe', 'backpack',
        'umbrella', 'handbag', 'tie', 'suitcase', 'frisbee', 'skis', 'snowboard', 'sports ball',
        'kite', 'baseball bat', 'baseball glove', 'skateboard', 'surfboard', 'tennis racket',
        'bottle', 'wine glass', 'cup', 'fork', 'knife', 'spoon', 'bowl', 'banana', 'apple',
        'sandwich', 'orange', 'broccoli', 'carrot', 'hot dog', 'pizza', 'donut', 'cake', 'chair',
        'couch', 'potted plant', 'bed', 'dining table', 'toilet', 'tv', 'laptop', 'mouse',
        'remote', 'keyboard', 'cell phone', 'microwave', 'oven', 'toaster', 'sink',
        'refrigerator', 'book', 'clock', 'vase', 'scissors', 'teddy bear', 'hair drier',
        'toothbrush',
    ],
    class_texts=dict(
        _delete_=True,  # other classes
        **{
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
    ),
    background_texts=[
        'ground', 'land', 'grass', 'tree', 'building', 'wall', 'sky', 'lake', 'water', 'river',
        'sea', 'railway', 'railroad', 'helmet', 'cloud', 'house', 'mountain', 'ocean', 'road',
        'rock', 'street', 'valley', 'bridge',
    ],
)  # fmt: skip
test_dataloader = dict(dataset=_base_.coco14_train)
