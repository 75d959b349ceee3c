"""What keeps each stage from the machine's limit, for the page."""

# {stage: reason}
REASONS = {
    'qape': (
        'Each token of an answer reads all weights of the decoder from memory. The count of FLOPs '
        'leaves this out.'
    ),
    'ritc': (
        'torch multiplies the matrices of CLIP by MKL, which leaves out AVX-512 on this processor '
        'and so reaches half the rate of packed layers. Layers that pass gradients on cannot be '
        'packed. Batch norm, ReLU and resizing count no FLOPs.'
    ),
    'texts': (
        'Ids are checked, and paths and records of Python are made for each image. The limit only '
        'counts reading the files.'
    ),
    'cams': 'Batch norm, ReLU and resizing pass over memory and count no FLOPs.',
    'cam_export': (
        'Resizing the maps, packing and writing the files count no FLOPs, nor do batch norm and '
        'ReLU.'
    ),
    'random_walk': (
        'The walk multiplies and adds shifted maps, which caches bound, not the rate of matrix '
        'products. At 16,000 cells this is 43 % of the time, and the calls from Python are 34 %.'
    ),
    'dense_crf': (
        'A sparse product reads an index and a weight for each number that it multiplies. Memory '
        'bounds it, not the rate of matrix products.'
    ),
    'ir_label': (
        'It is the dense CRF. Two processes take 4.6 s where half of the time of one is 4.1 s: '
        'they share the bandwidth of the memory.'
    ),
    'irn_masks': (
        'The walk counts no FLOPs. For 16,000 pixels it takes 36 % of the time, the network 56 %.'
    ),
    'cam_metric': (
        'Each pixel is searched among 99 thresholds and counted in histograms, on one thread. The '
        'limit only counts reading maps and ground truth.'
    ),
    'predict': 'Reading JPEGs, resizing logits and writing PNGs count no FLOPs.',
}
