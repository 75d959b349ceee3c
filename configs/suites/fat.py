# The paper's small table on foreground adaptive thresholding: without it, regions are the maps
# themselves and CLIP gets no mask
title = 'Foreground adaptive thresholding'
variants = {
    'without': dict(
        title='without FAT',
        paper=66.9,
        options={'model.threshold': None, 'model.region_image': 'soft'},
    ),
    'with': dict(title='with FAT', paper=67.3),
}
