# Table 4 of the paper: what each loss brings
title = 'Losses (table 4)'
variants = dict(
    frc=dict(title='FRC', paper=60.3, options={'model.loss_brc': None, 'model.loss_reg': None}),
    brc=dict(title='BRC', paper=57.7, options={'model.loss_frc': None, 'model.loss_reg': None}),
    frc_brc=dict(title='FRC + BRC', paper=67.1, options={'model.loss_reg': None}),
    all=dict(title='FRC + BRC + REG', paper=67.3),
)
