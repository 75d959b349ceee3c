"""Where configs write, and that what they read is written by others."""

from pathlib import Path

from shipped_configs import LEAVES, each_leaf, load, model_of, transforms

from qaclims_mm.schemas.work_dir import IR_LABELS

# {evaluator: what it writes into the work dir}
OUTPUTS = dict(
    CAMWriter='cams',
    CorpusWriter='corpus',
    PseudoMaskWriter='pseudo_masks',
    SegMaskWriter='predictions',
)
# what follows the name of a training in that of its test
TESTED = ('_maps', '_masks', '_test')


def outputs(cfg):
    """Return what a config's runs make that other stages read."""
    given = cfg.get('test_evaluator') or []
    given = given if isinstance(given, list) else given.get('metrics', [given])
    evaluators = [e.type for e in given]
    # in a plan the test of a training is a stage of its own, the export of maps too
    places = ['', *TESTED]
    made = {f'{cfg.work_dir}{p}/{OUTPUTS[e]}' for e in evaluators if e in OUTPUTS for p in places}
    if (cfg.get('train_cfg') or {}).get('max_epochs'):
        made.add(f'{cfg.work_dir}/epoch_{cfg.train_cfg.max_epochs}.pth')
    if 'text_encoding' in cfg:
        made.add(cfg.model.text_bank)
    if 'ir_label' in cfg:
        made.add(f'{cfg.work_dir}/{IR_LABELS}')
    return made


def run_of(path):
    """Return to which run a leaf belongs: a run has a root of its own."""
    stem = Path(path).stem
    preset = next((p for p in ('official', 'strong') if p in stem), 'paper')
    return next(d for d in ('voc12', 'coco14', 'miniworld') if d in stem), preset


def test_no_two_leaves_of_a_run_write_to_one_place():
    owner, banks = {}, {}
    for path in LEAVES:
        cfg = load(path)
        place = *run_of(path), cfg.work_dir
        assert owner.setdefault(place, path) == path, f'{path} and {owner[place]}: {place}'
        # a text bank may be shared by leaves that make it alike
        if 'text_encoding' in cfg:
            bank = *run_of(path), cfg.model.text_bank
            assert banks.setdefault(bank, cfg.text_encoding.to_dict()) == cfg.text_encoding, path
    assert len(owner) == len(LEAVES)


@each_leaf
def test_inputs_are_the_outputs_of_other_leaves(path):
    made = set().union(*(outputs(load(other)) for other in LEAVES))
    cfg = load(path)
    wanted = {cfg.load_from} if cfg.get('load_from') else set()
    if 'text_encoding' in cfg:
        rows = transforms(cfg, 'LoadTextRows')
        wanted |= {cfg.text_encoding.corpus, model_of(cfg).text_bank, *(r.text_bank for r in rows)}
    wanted |= {step.masks for step in transforms(cfg, 'LoadMask') if 'masks' in step}
    wanted |= {step.cams for step in transforms(cfg, 'LoadCAMs')}
    wanted |= {step.corpus for step in transforms(cfg, 'LoadAnswers')}
    wanted |= {cfg.ir_label.cams} if 'ir_label' in cfg else set()
    assert wanted <= made
