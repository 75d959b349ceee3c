import pytest
import torch
from contracts import noise
from safetensors.torch import load_file, save_file

from qaclims_mm.errors import ConfigError, FormatError
from qaclims_mm.vlms.segment.sam import SAM

pytest.importorskip('transformers')
TINY = dict(
    vision_config=dict(
        image_size=64,
        patch_size=8,
        hidden_size=16,
        output_channels=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        mlp_dim=32,
        window_size=4,
        global_attn_indexes=[1],
        num_pos_feats=8,
    ),
    prompt_encoder_config=dict(
        hidden_size=16, image_size=64, patch_size=8, image_embedding_size=8, mask_input_channels=4
    ),
    mask_decoder_config=dict(
        hidden_size=16, mlp_dim=32, num_attention_heads=2, iou_head_hidden_dim=16
    ),
)
IMAGE = noise(30, 50)
BOXES = torch.tensor([[3.0, 4, 20, 25], [0, 0, 49, 29], [30, 10, 41, 12]])
POINTS = torch.tensor([[10.0, 9], [48, 28], [33, 11]])


def make(**options):
    return SAM('nowhere', config=TINY, **options)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    from transformers import SamConfig, SamModel

    path = tmp_path_factory.mktemp('sam')
    torch.manual_seed(3)
    sam = SamModel(SamConfig(**TINY))
    # transformers' own random weights let nothing of the image through
    for weight in sam.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    sam.save_pretrained(path)
    return path


def by_transformers(folder, image, box, point):
    """Ask with SAM's own processor, one region at a time."""
    from transformers import SamImageProcessor, SamModel, SamProcessor

    size = dict(size=dict(longest_edge=64), pad_size=dict(height=64, width=64))
    processor = SamProcessor(SamImageProcessor(**size))
    processor.target_size = 64
    sam = SamModel.from_pretrained(folder).eval()
    inputs = processor(
        image,
        input_points=[[point.tolist()]],
        input_boxes=[[box.tolist()]],
        return_tensors='pt',
    )
    with torch.no_grad():
        output = sam(
            **{k: v.float() for k, v in inputs.items() if k.startswith(('pixel', 'input'))}
        )
    masks = processor.image_processor.post_process_masks(
        output.pred_masks,
        inputs['original_sizes'],
        inputs['reshaped_input_sizes'],
        pad_size=size['pad_size'],
    )
    return masks[0][0], output.iou_scores[0, 0]


def test_masks_are_those_of_transformers(folder):
    masks, quality = SAM(str(folder))(IMAGE, BOXES, POINTS)
    assert masks.shape == (3, 3, 30, 50)
    assert masks.dtype == torch.bool
    for k in range(3):
        wanted, scores = by_transformers(folder, IMAGE, BOXES[k], POINTS[k])
        assert (masks[k] == wanted).float().mean() > 0.999
        torch.testing.assert_close(quality[k], scores, atol=1e-4, rtol=1e-4)


def test_regions_do_not_see_each_other(folder):
    together, quality = SAM(str(folder))(IMAGE, BOXES, POINTS)
    for batch in (1, 2):
        masks, scores = SAM(str(folder), prompt_batch=batch)(IMAGE, BOXES, POINTS)
        assert (masks == together).float().mean() > 0.999
        torch.testing.assert_close(scores, quality, atol=1e-4, rtol=1e-4)


def test_prompts_and_images_count(folder):
    sam = SAM(str(folder))
    masks, quality = sam(IMAGE, BOXES, POINTS)
    assert not torch.equal(quality[0], quality[1])
    assert not torch.equal(quality, sam(IMAGE, BOXES, POINTS.flip(0))[1])
    assert not torch.equal(quality, sam(noise(30, 50, seed=1), BOXES, POINTS)[1])
    assert torch.equal(masks, SAM(str(folder))(IMAGE, BOXES, POINTS)[0])


def test_random_weights():
    quality = make()(IMAGE, BOXES, POINTS)[1]
    assert torch.equal(quality, make()(IMAGE, BOXES, POINTS)[1])
    assert not torch.equal(quality, make(seed=1)(IMAGE, BOXES, POINTS)[1])


def test_no_region():
    masks, quality = make()(IMAGE, torch.zeros(0, 4), torch.zeros(0, 2))
    assert masks.shape == (0, 3, 30, 50)
    assert quality.shape == (0, 3)


def test_half_precision():
    masks, quality = make(dtype='bfloat16')(IMAGE, BOXES, POINTS)
    assert quality.dtype == torch.float32
    torch.testing.assert_close(quality, make()(IMAGE, BOXES, POINTS)[1], atol=0.05, rtol=0)
    assert masks.shape == (3, 3, 30, 50)


def test_what_cannot_be_read(folder, tmp_path):
    with pytest.raises(FormatError, match=r"^the folder '/no/such' does not exist"):
        SAM('/no/such').load()
    state = load_file(folder / 'model.safetensors')
    gone = next(k for k in state if k.startswith('mask_decoder'))
    save_file({k: v for k, v in state.items() if k != gone}, tmp_path / 'model.safetensors')
    (tmp_path / 'config.json').write_text((folder / 'config.json').read_text())
    with pytest.raises(FormatError, match=r'lacks 1 weight, such as mask_decoder'):
        SAM(str(tmp_path)).load()


@pytest.mark.parametrize('value', [0, 1.5, None])
def test_numbers_out_of_range(value):
    with pytest.raises(ConfigError, match='prompt_batch must be a whole number of at least 1, but'):
        SAM('nowhere', prompt_batch=value)


def test_no_weights_before_it_is_asked():
    assert SAM('nowhere')._sam is None
