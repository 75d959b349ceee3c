# Section 4.1 of the paper takes a mask-adapted CLIP; it has no number for plain CLIP
variants = {
    'without': dict(title='plain CLIP', options={'model.image_head.mask_prompt': None}),
    'with': dict(title='mask-adapted CLIP', paper=67.3),
}
