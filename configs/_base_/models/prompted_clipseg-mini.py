# MiniWorld's CLIPSeg prompted with the labels; it has been trained with masks of other seeds
model = dict(
    type='PromptedMasks',
    prompting=dict(
        segmenter=dict(type='CLIPSegSegmenter', model='miniworld://clipseg', image_size=96),
        prompt='a photo of {text}',
        merge='max',
    ),
)
