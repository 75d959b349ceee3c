# Figure 5 of the paper: the ratio of the threshold; of the figure the best alone is known
title = 'Ratio of the threshold (figure 5)'
variants = {
    str(omega): dict(title=f'omega {omega}', options={'model.threshold.omega': omega})
    for omega in (0.0, 0.05, 0.15, 0.2, 0.3, 0.4)
}
variants['0.1'] = dict(title='omega 0.1', paper=67.3)
