"""Pure functions of tensors and arrays of the method: no state, no config, no OpenMMLab."""

from qaclims_mm.functional.attention import (
    attention_affinity,
    box_masks,
    doubly_stochastic,
    refine_by_affinity,
)
from qaclims_mm.functional.bootstrap import resample_miou
from qaclims_mm.functional.cam import mask_of_cams, merge_multiscale_cams
from qaclims_mm.functional.clims import (
    background_suppression,
    background_text_matching,
    object_text_matching,
)
from qaclims_mm.functional.contrastive import area_regularization, brc_loss, frc_loss
from qaclims_mm.functional.crf import CRFSettings, DenseCRF, dense_crf
from qaclims_mm.functional.crf_labels import confident_labels, label_energy
from qaclims_mm.functional.evaluation import PixelCounts, count_pixels, iou
from qaclims_mm.functional.irn_losses import affinity_labels, irn_losses
from qaclims_mm.functional.irn_walk import PathIndex, edge_to_affinity, random_walk
from qaclims_mm.functional.pair_affinity import (
    agreeing_attention,
    cell_pairs,
    pair_affinity_loss,
)
from qaclims_mm.functional.par import pixel_adaptive_refinement
from qaclims_mm.functional.prompt_masks import (
    find_unusable,
    fuse_with_maps,
    keep_supported,
    merge_prompts,
    suppress_background,
)
from qaclims_mm.functional.sam_prompts import find_regions, spread_over_masks
from qaclims_mm.functional.sharpness import prompt_sharpness
from qaclims_mm.functional.thresholding import foreground_adaptive_threshold

__all__ = [
    'CRFSettings',
    'DenseCRF',
    'PathIndex',
    'PixelCounts',
    'affinity_labels',
    'agreeing_attention',
    'area_regularization',
    'attention_affinity',
    'background_suppression',
    'background_text_matching',
    'box_masks',
    'brc_loss',
    'cell_pairs',
    'confident_labels',
    'count_pixels',
    'dense_crf',
    'doubly_stochastic',
    'edge_to_affinity',
    'find_regions',
    'find_unusable',
    'foreground_adaptive_threshold',
    'frc_loss',
    'fuse_with_maps',
    'iou',
    'irn_losses',
    'keep_supported',
    'label_energy',
    'mask_of_cams',
    'merge_multiscale_cams',
    'merge_prompts',
    'object_text_matching',
    'pair_affinity_loss',
    'pixel_adaptive_refinement',
    'prompt_sharpness',
    'random_walk',
    'refine_by_affinity',
    'resample_miou',
    'spread_over_masks',
    'suppress_background',
]
