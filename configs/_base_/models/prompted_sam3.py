# SAM 3 prompted with the labels; it has been trained with masks, which QA-CLIMS has not
model = dict(
    type='PromptedMasks',
    prompting=dict(
        segmenter=dict(
            type='Sam3Segmenter', model='facebook/sam3', dtype='bfloat16'
        ),  # or a folder
        prompt='{text}',
        merge='max',  # of the prompts of a class; mean and noisy_or are the others
    ),
)
