# The temperature of FRC and BRC (eq. 6 and 8); the paper takes 0.7 and shows no other
title = 'Temperature of the losses'
variants = {
    str(t): dict(
        title=f'temperature {t}',
        options={'model.loss_frc.temperature': t, 'model.loss_brc.temperature': t},
    )
    for t in (0.1, 0.3, 1.0)
}
variants['0.7'] = dict(title='temperature 0.7', paper=67.3)
