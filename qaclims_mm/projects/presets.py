"""The networks and the amount of training of a project's stages."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Preset:
    """Where a project's configs inherit from, and sizes that go with these networks.

    Attributes:
        configs: {stage: config of the shipped ones}.
        crop: Side of training crops in pixels.
        sides: Shortest and longest of the longer side of a training image before it is cropped.
        max_side: Longest side that an image is read with.
        scales: Of the images when maps are made.
        batch_size: {stage: images a step}.
        steps: {stage: training steps}, about.
        seconds: {stage: seconds of two cores for an image}, measured; see ``costs.estimate``.
        checkpoint: {training: megabytes that it keeps}.
        downloads: Whether weights are downloaded.
        starts_from_cam: Whether QA-CLIMS starts from the weights of the classifier.
        more: {stage: lines that end its config}.
    """

    configs: dict[str, str]
    crop: int
    sides: tuple[int, int]
    max_side: int
    scales: tuple[float, ...]
    batch_size: dict[str, int]
    steps: dict[str, int]
    seconds: dict[str, float]
    checkpoint: dict[str, float]
    downloads: bool = False
    starts_from_cam: bool = False
    more: dict[str, str] = field(default_factory=dict)


_NO_WEIGHTS = 'model.update(backbone=dict(init_cfg=None))\n'
# MiniWorld's vocabulary stands in for BERT's, whose ids are other ones
_RANDOM_BLIP = """\
vocabulary = dict(vocab_size=160, bos_token_id=5, sep_token_id=3, eos_token_id=3, pad_token_id=0)
blip = dict(model='miniworld://blip', config=dict(text_config=vocabulary), encoder_token_id=6)
model = dict(vqa=blip)
"""
_RANDOM_CLIP = """\
model.update(backbone=dict(init_cfg=None), image_head=dict(pretrained=None))
text_encoding.update(text_head=dict(pretrained=None))
"""
_RANDOM_SAM = "model = dict(sam=dict(model='random', config=dict()))\n"
# MiniWorld's tokenizer stands in for SAM 3's
_RANDOM_SAM3 = (
    "model = dict(prompting=dict(segmenter=dict(model='miniworld://clip', config=dict())))\n"
)

PRESETS = {
    # ResNet-50, CLIP ViT-B/16, BLIP-base, SegFormer-B0; weights are downloaded when they are used
    'full': Preset(
        configs=dict(
            qape='qape/blip-vqa-base_fg6-bg10_voc12aug-480x480.py',
            cam='cam/cam_r50_2xb8-5e_voc12aug-512x512.py',
            qa_clims='qa_clims/qa-clims_r50_clip-vitb16_2xb4-15e_voc12aug-512x512.py',
            ir_label='irn/ir-label_crf_qa-clims_voc12aug-full.py',
            irn='irn/irn_r50_qa-clims_1xb32-3e_voc12aug-512x512.py',
            par='par/par_qa-clims_voc12aug-full.py',
            sam='sam/sam_vit-h_qa-clims_voc12aug-full.py',
            prompted='prompted/prompted_sam3_labels_voc12aug-full.py',
            prompted_answers='prompted/prompted_sam3_answers_voc12aug-full.py',
            prompted_maps='prompted/prompted_sam3_qa-clims_voc12aug-full.py',
            segment='zoo/segformer_mit-b0_qa-clims-irn_2xb8-30k_voc12aug-512x512.py',
        ),
        crop=512,
        sides=(320, 640),
        max_side=1024,
        scales=(1.0, 0.5, 1.5, 2.0),
        batch_size=dict(cam=16, qa_clims=8, irn=32, segment=8),
        steps=dict(cam=1500, qa_clims=3000, irn=500, segment=8000),
        seconds=dict(
            qape=1.5,
            cam=1.5,
            cam_maps=6.5,
            texts=0.004,
            qa_clims=3.4,
            qa_clims_maps=5.3,
            irn=1.8,
            irn_masks=0.8,
            segment=0.5,
            segment_test=0.1,
        ),
        checkpoint=dict(cam=366, qa_clims=366, irn=212, segment=90),
        downloads=True,
        starts_from_cam=True,
    ),
    # MiniWorld's, which ship with the package: for trying a project out in minutes
    'mini': Preset(
        configs=dict(
            qape='miniworld/qape_blip-mini_fg6-bg10_miniworld-112x112.py',
            cam='miniworld/cam_r18-mini_1xb16-3e_miniworld-112x112.py',
            qa_clims='miniworld/qa-clims_r18-mini_clip-mini-mask_1xb16-5e_miniworld-112x112.py',
            ir_label='miniworld/ir-label_crf_miniworld-112x112.py',
            irn='miniworld/irn_r18-mini_1xb16-10e_miniworld-112x112.py',
            par='miniworld/par_qa-clims_miniworld-112x112.py',
            sam='miniworld/sam_random_qa-clims_miniworld-112x112.py',
            prompted='miniworld/prompted_clipseg-mini_labels_miniworld-112x112.py',
            prompted_answers='miniworld/prompted_clipseg-mini_answers_miniworld-112x112.py',
            prompted_maps='miniworld/prompted_clipseg-mini_qa-clims_miniworld-112x112.py',
            segment='miniworld/deeplabv2_r18-mini_full_1xb16-10e_miniworld-112x112.py',
        ),
        crop=112,
        sides=(96, 144),
        max_side=224,
        scales=(1.0, 0.5, 1.5),
        batch_size=dict(cam=16, qa_clims=16, irn=16, segment=16),
        steps=dict(cam=280, qa_clims=465, irn=180, segment=180),
        # of a photograph of 375 x 500 px the maps and masks, of a crop of 112 px the trainings
        seconds=dict(
            qape=0.04,
            cam=0.02,
            cam_maps=0.5,
            texts=0.001,
            qa_clims=0.04,
            qa_clims_maps=0.5,
            irn=0.03,
            irn_masks=0.3,
            segment=0.025,
            segment_test=0.1,
        ),
        checkpoint=dict(cam=12, qa_clims=12, irn=12, segment=18),
    ),
}
# networks of full size with random weights and two steps a training: nothing is downloaded, and
# images, configs, memory and time have been tried before a night is spent
PRESETS['rehearsal'] = replace(
    PRESETS['full'],
    downloads=False,
    steps=dict.fromkeys(PRESETS['full'].steps, 2),
    more=dict(
        qape=_RANDOM_BLIP,
        cam=_NO_WEIGHTS,
        qa_clims=_RANDOM_CLIP,
        irn=_NO_WEIGHTS,
        sam=_RANDOM_SAM,
        **dict.fromkeys(('prompted', 'prompted_answers', 'prompted_maps'), _RANDOM_SAM3),
        segment=_NO_WEIGHTS,
    ),
)
