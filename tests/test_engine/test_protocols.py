import inspect
import types
from pathlib import Path

import pytest
from mmengine.evaluator import BaseMetric

from qaclims_mm.corpus.builder import VQACorpusBuilder
from qaclims_mm.datasets.coco14 import COCO14WeakDataset
from qaclims_mm.datasets.folder import FolderWeakDataset
from qaclims_mm.datasets.miniworld import MiniWorldDataset
from qaclims_mm.datasets.protocols import ImageList, ImageReader, RecordChecker, RecordList
from qaclims_mm.datasets.samplers import SeededSampler, ShardSampler
from qaclims_mm.datasets.transforms.cams import LoadCAMs
from qaclims_mm.datasets.transforms.loading import LoadBGRImage, LoadMask, LoadRGBImage
from qaclims_mm.datasets.transforms.texts import LoadTextRows
from qaclims_mm.datasets.voc12 import VOC12WeakDataset
from qaclims_mm.engine import protocols
from qaclims_mm.engine.protocols import (
    AheadModel,
    FailureKeeper,
    FolderWriter,
    GroupingSampler,
    PartKeeper,
    QuestionAsker,
    RecordKeeper,
    RemarkKeeper,
    ResumableEvaluator,
    SkippingSampler,
    StageReader,
    WorkDirUser,
)
from qaclims_mm.evaluation.cam_metric import CAMMetric
from qaclims_mm.evaluation.cam_writer import CAMWriter
from qaclims_mm.evaluation.corpus_writer import CorpusWriter
from qaclims_mm.evaluation.crf_iou_metric import CRFIoUMetric
from qaclims_mm.evaluation.mask_writer import PseudoMaskWriter, SegMaskWriter

WRITERS = (CAMWriter, PseudoMaskWriter, SegMaskWriter)
IMPLEMENTED = {
    ImageList: (VOC12WeakDataset, COCO14WeakDataset, FolderWeakDataset, MiniWorldDataset),
    RecordList: (VOC12WeakDataset, COCO14WeakDataset, FolderWeakDataset, MiniWorldDataset),
    RecordChecker: (LoadTextRows,),
    ImageReader: (LoadRGBImage, LoadBGRImage),
    StageReader: (LoadCAMs, LoadMask, LoadTextRows),
    SkippingSampler: (ShardSampler,),
    GroupingSampler: (ShardSampler,),
    QuestionAsker: (VQACorpusBuilder,),
    AheadModel: (VQACorpusBuilder,),
    FolderWriter: (*WRITERS, CorpusWriter, CAMMetric),
    WorkDirUser: (*WRITERS, CorpusWriter, CAMMetric),
    ResumableEvaluator: (*WRITERS, CorpusWriter, CAMMetric),
    RecordKeeper: (CorpusWriter,),
    PartKeeper: (*WRITERS, CorpusWriter, CAMMetric),
    FailureKeeper: (CorpusWriter,),
    RemarkKeeper: WRITERS,
}
PAIRS = [(p, c) for p, classes in IMPLEMENTED.items() for c in classes]


def members_of(protocol):
    kinds = (property, types.FunctionType)
    inherited = ('__init__', '__subclasshook__')
    return {n: m for n, m in vars(protocol).items() if isinstance(m, kinds) and n not in inherited}


def test_every_protocol_has_a_class():
    found = {p for p in vars(protocols).values() if getattr(p, '_is_protocol', False)}
    assert found - {protocols.Protocol} <= set(IMPLEMENTED)
    assert all(members_of(p) for p in IMPLEMENTED)


# mypy cannot tell: it takes a class with a base of mmengine, which it does not read, for anything
@pytest.mark.parametrize(('protocol', 'kind'), PAIRS)
def test_classes_have_the_members_with_the_signatures(protocol, kind):
    for name, wanted in members_of(protocol).items():
        own = next((vars(c)[name] for c in kind.__mro__ if name in vars(c)), None)
        if isinstance(wanted, property):
            # an attribute that __init__ sets is found on the object alone
            assert own is None or isinstance(own, property)
            continue
        if name == '__len__':
            assert callable(own)
            continue
        assert inspect.signature(own) == inspect.signature(wanted), f'{kind.__name__}.{name}'


def objects(tmp_path):
    return {
        FolderWriter: [
            *(kind(str(tmp_path)) for kind in (*WRITERS, CorpusWriter)),
            CAMMetric(journal=str(tmp_path)),
        ],
        StageReader: [LoadCAMs(str(tmp_path)), LoadMask(str(tmp_path))],
        FailureKeeper: [CorpusWriter(str(tmp_path))],
        RemarkKeeper: [kind(str(tmp_path)) for kind in WRITERS],
    }


def test_objects_have_what_is_set_when_they_are_made(tmp_path):
    for protocol, found in objects(tmp_path).items():
        assert all(isinstance(o, protocol) for o in found)
    for writer in objects(tmp_path)[FolderWriter]:
        assert Path(writer.claimed_folder) == tmp_path
        assert all(isinstance(v, str) for v in writer.settings.values())
    for transform in objects(tmp_path)[StageReader]:
        assert Path(transform.input_folder) == tmp_path


def test_what_writes_or_reads_nothing_says_so():
    assert CAMMetric().claimed_folder is None
    assert LoadMask().input_folder is None


class OwnMetric(BaseMetric):
    def process(self, data_batch, data_samples):
        """Keep nothing."""

    def compute_metrics(self, results):
        return {}


@pytest.mark.parametrize(
    ('made', 'protocol'),
    [
        (OwnMetric, FolderWriter),
        (OwnMetric, ResumableEvaluator),
        (OwnMetric, WorkDirUser),
        (OwnMetric, FailureKeeper),
        (OwnMetric, PartKeeper),
        (lambda: CAMWriter('x'), RecordKeeper),
        # it has settings of another kind
        (lambda: CRFIoUMetric(workers=1), FolderWriter),
        (lambda: CRFIoUMetric(workers=1), ResumableEvaluator),
        (lambda: CAMWriter('x'), FailureKeeper),
        (LoadRGBImage, StageReader),
        (LoadMask, ImageReader),
        (LoadMask, RecordChecker),
        (lambda: SeededSampler([1, 2]), SkippingSampler),
        (lambda: [1, 2], ImageList),
        (OwnMetric, QuestionAsker),
    ],
)
def test_others_do_not_pass(made, protocol):
    assert not isinstance(made(), protocol)
