# Whether CLIMS would be better at other learning rates than QA-CLIMS's, which MiniWorld's leaf has
title = "CLIMS's learning rate"
variants = {
    str(rate): dict(
        title=f'CLIMS at {rate}', stage='clims', options={'optim_wrapper.optimizer.lr': rate}
    )
    for rate in (1e-3, 5e-4, 2.5e-4)
}
variants |= {
    '0.002': dict(title='CLIMS at 0.002', stage='clims'),
    'qa_clims': dict(title='QA-CLIMS at 0.002', paper=67.3),
}
