# QA-CLIMS's maps and the masks of a tiny SAM with random weights: this tries the stage out, and its
# masks are hardly more than the maps
_base_ = './par_qa-clims_miniworld-112x112.py'
work_dir = f'{_base_.root}/sam'
vision = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, mlp_dim=32)
grid = dict(image_size=112, patch_size=8)
tiny = dict(
    vision_config=dict(
        **vision,
        **grid,
        output_channels=16,
        window_size=4,
        global_attn_indexes=[1],
        num_pos_feats=8,
    ),
    prompt_encoder_config=dict(
        **grid, hidden_size=16, image_embedding_size=14, mask_input_channels=4
    ),
    mask_decoder_config=dict(
        hidden_size=16, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16
    ),
)
model = dict(
    _delete_=True,  # PAR's options
    type='SAMRefiner',
    sam=dict(model='random', config=tiny),
)
