# Your own images, as all stages of a project read them. The configs/data.py of a project inherits
# this and says where the project is; its tables have every name, so no config has one.
own = dict(type='FolderWeakDataset')
# turned as EXIF says; larger images are made smaller for all stages, masks are as large as the file
reading = dict(oriented=True, max_side=1024)  # px
# ends the pipelines of trainings; the segmentor has its own
resizing = [
    dict(type='RandomResizeLongSide', min_side=320, max_side=640),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomCropPad', size=512),
    dict(type='PackWeakInputs'),
]
