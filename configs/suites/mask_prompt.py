# Section 4.1 of the paper takes a mask-adapted CLIP; it has no number for it without its prompts
title = 'Mask-adapted CLIP'
variants = {
    'without': dict(title='without mask prompts', options={'model.image_head.mask_prompt': None}),
    'with': dict(title='with mask prompts', paper=67.3),
}
