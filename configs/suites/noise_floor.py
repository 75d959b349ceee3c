# How far trainings move by chance: over seeds, and where one seed's initial weights alone are
# changed by 0.1 %, each seed of the command by other noise. MiniWorld's CLIMS has its best rate.
title = 'Noise of a training'
# the table gives the spread of each row
reference = None
methods = dict(
    cam=dict(title='CAM', stage='cam'),
    ritc=dict(title='RITC without QAPE', stage='ritc'),
    clims=dict(
        title='CLIMS at 0.00025', stage='clims', options={'optim_wrapper.optimizer.lr': 2.5e-4}
    ),
    qa_clims=dict(title='QA-CLIMS'),
)
noise = {'default_hooks.noise.type': 'WeightNoiseHook'}
variants = methods | {
    f'{name}-weights': method
    | dict(
        title=f'{method["title"]}, weights alone',
        options=method.get('options', {}) | noise,
        seed_option='default_hooks.noise.seed',
    )
    for name, method in methods.items()
}
