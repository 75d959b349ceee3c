default_scope = 'mmseg'
env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
default_hooks = dict(
    runtime_info=dict(type='LazyRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # two: where the last one was cut short, --resume goes on from the one before
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # draws nothing unless it is asked to: qaclims test ... --show-dir
    visualization=dict(type='SegVisualizationHook'),
)
visualizer = dict(
    type='SegLocalVisualizer', name='visualizer', vis_backends=[dict(type='LocalVisBackend')]
)
custom_hooks = [
    dict(type='WorkDirHook'),
    dict(type='ProgressBarHook'),
    dict(type='IterationSeedHook'),
    dict(type='FiniteLossHook'),
    dict(type='FailedRecordsHook'),
    dict(type='ResumeTestHook'),
    dict(type='StrictLoadHook'),
    dict(type='MetricsFileHook'),
]
log_processor = dict(by_epoch=True)
log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
