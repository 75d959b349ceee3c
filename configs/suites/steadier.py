# Do trainings scatter less with averaged weights, more steps, or a head that learns alone at first?
# Each change is made to the baseline too, and none is chosen by QA-CLIMS's score alone.
title = 'Steadier trainings'
averaged = {
    'default_hooks.ema.type': 'EMAHook',
    # of about the last 100 of 279 or 465 steps
    'default_hooks.ema.momentum': 0.01,
}
of_6_epochs = {'train_cfg.max_epochs': 6, 'param_scheduler.0.end': 6}
of_10_epochs = {'train_cfg.max_epochs': 10, 'param_scheduler.0.end': 10}
warmed = {
    'default_hooks.warmup.type': 'HeadWarmUpHook',
    'default_hooks.warmup.iters': 93,  # one epoch of three or five
}
variants = dict(
    cam=dict(title='CAM', stage='cam'),
    cam_averaged=dict(title='CAM, averaged weights', stage='cam', options=averaged),
    cam_longer=dict(title='CAM, twice the steps', stage='cam', options=of_6_epochs),
    cam_warmed=dict(title='CAM, head first', stage='cam', options=warmed),
    qa_clims=dict(title='QA-CLIMS'),
    qa_clims_averaged=dict(title='QA-CLIMS, averaged weights', options=averaged),
    qa_clims_longer=dict(title='QA-CLIMS, twice the steps', options=of_10_epochs),
    qa_clims_warmed=dict(title='QA-CLIMS, head first', options=warmed),
)
