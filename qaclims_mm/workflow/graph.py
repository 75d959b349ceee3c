"""The stages of a plan, of several seeds and of suites, as one graph: what is done, and why not."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from qaclims_mm.errors import FormatError, StageError
from qaclims_mm.schemas import MANIFEST, write_json
from qaclims_mm.schemas.names import counted
from qaclims_mm.schemas.stage_folder import Origin, StageFolder, differences
from qaclims_mm.schemas.work_dir import LOGS, OUTPUTS
from qaclims_mm.workflow.aside import Aside
from qaclims_mm.workflow.fingerprint import Fingerprints
from qaclims_mm.workflow.plans import Plan
from qaclims_mm.workflow.stage import RANKED, Stage, lineage

DONE, TO_DO, BEGUN, STALE, DAMAGED = 'done', 'to do', 'begun', 'stale', 'damaged'
WAITS = 'waits'
# rule of the stages whose further runs keep what still holds, image by image
KEEPING = 'qape'
_ELSEWHERE = ('--executor', '-e', '--profile')


@dataclass(frozen=True)
class Options:
    """How a workflow runs.

    Attributes:
        jobs: How many stages at once.
        ranks: Of each stage that shares its work, unless it is configured for another number.
        nodes: Over how many machines of a cluster the ranks of a stage are spread.
        shards: {stage: number of jobs that share its images}.
        keep_going: Whether stages go on that do not need one that failed.
        force: Names of stages that are made again.
        snakemake: Further words of Snakemake's command line.
        retry_failed: Whether images that a model refused are tried again.
    """

    jobs: int = 1
    ranks: int = 1
    nodes: int = 1
    shards: Mapping[str, int] = field(default_factory=dict)
    keep_going: bool = False
    force: Sequence[str] = ()
    snakemake: Sequence[str] = ()
    retry_failed: bool = False

    @property
    def is_elsewhere(self) -> bool:
        """Whether stages run on other machines, as far as can be seen."""
        words = [word.partition('=')[0] for word in self.snakemake]
        return any(word in _ELSEWHERE for word in words) and 'local' not in self.snakemake


@dataclass
class Node:
    """A stage of a seed.

    Attributes:
        key: Its folder below the folder of the graph.
        root: Work dir of its seed.
        seed: The seed.
        stage: The stage.
        origin: From what it would be made now.
        link: Folder of another seed that has the same, or ''.
        state: ``done``, ``to do``, ``begun``, ``stale``, ``damaged`` or ``waits``.
        why: It is not done, in words that follow the state.
        is_sound: Whether its files are what they would be now, though its manifest may not be.
        retries: Whether it is done, and only tries again what failed.
    """

    key: str
    root: Path
    seed: int
    stage: Stage
    origin: Origin
    link: str = ''
    state: str = TO_DO
    why: str = ''
    is_sound: bool = False
    retries: bool = False

    @property
    def folder(self) -> StageFolder:
        """Its folder."""
        return StageFolder(self.root / self.stage.name)

    @property
    def failed(self) -> list[list[str]]:
        """Images that the stage can try again, ``[image_id, reason]``, if it has ended."""
        with contextlib.suppress(FormatError):
            return self.folder.read_outputs().failed if self.stage.rule == KEEPING else []
        return []


class Graph:
    """Stages of one or several seeds.

    Args:
        base: Folder of all seeds; of one alone its work dir.
        plans: {seed: plan}; the work dir of each is ``base`` or below it.
        stages: {seed: those that are wanted}; what they need and is not among them must be done.

    Raises:
        StageError: If it is not.
    """

    def __init__(
        self, base: Path, plans: Mapping[int, Plan], stages: Mapping[int, Sequence[Stage]]
    ) -> None:
        self.base, self.plans = base, dict(plans)
        made = {m for p in plans.values() for s in p.all_stages for m in s.at(p.root).made}
        self._fingerprints = Fingerprints(base / LOGS / 'data.json', made)
        self.nodes: dict[str, Node] = {}
        # row by row, so that the seeds of a row end together
        for row in zip(*stages.values(), strict=True):
            for seed, stage in zip(stages, row, strict=True):
                self._add(seed, stage, stages)
        for node in self.nodes.values():
            node.state, node.why = self._state(node)

    def _add(self, seed: int, stage: Stage, stages: Mapping[int, Sequence[Stage]]) -> None:
        root, first = self.plans[seed].root, next(iter(stages))
        known = {s.name: s for s in (*self.plans[seed].all_stages, *stages[seed])}
        above = [known[n] for n in lineage(stage.name, list(known.values()))]
        shared = seed != first and not any(s.seeded for s in above)
        origin = self._fingerprints.origin_of(stage, root, seed)
        link = str(self.plans[first].root / stage.name) if shared else ''
        key = os.path.relpath(root / stage.name, self.base)
        self.nodes[key] = Node(key, root, seed, stage, origin, link)

    def needs(self, node: Node) -> list[str]:
        """Return the keys of the stages whose files a stage reads."""
        linked = [os.path.relpath(node.link, self.base)] if node.link else []
        own = [os.path.relpath(node.root / n, self.base) for n in node.stage.needs]
        return own + linked

    def _state(self, node: Node) -> tuple[str, str]:
        """Return the state of a stage, and why it is not done."""
        folder, inputs = node.folder, {}
        for name, key in zip(node.stage.needs, self.needs(node), strict=False):
            above = self.nodes.get(key)
            if above is not None and not above.is_sound:
                return (WAITS, f'for {name}') if folder.is_begun else (TO_DO, '')
            inputs[name] = self._hash_of(node, name)
        claim, wanted = folder.read_claim(), node.origin.claim(inputs)
        try:
            outputs = folder.read_outputs()
        except FormatError as error:
            if (folder.path / OUTPUTS).exists():
                return DAMAGED, str(error)
            if not folder.is_begun:
                return TO_DO, ''
            other = differences(claim, wanted)
            return (STALE, f'begun from {other}') if other else (BEGUN, 'goes on from what it has')
        if other := differences(claim, wanted):
            return STALE, f'made from {other}'
        if damage := folder.damage(outputs):
            more = f' and {len(damage) - 1} more' if len(damage) > 1 else ''
            return DAMAGED, damage[0] + more
        node.is_sound = True
        if not folder.has_right_manifest(outputs):
            return DAMAGED, f'{MANIFEST} is not as it was written'
        return DONE, ''

    def _hash_of(self, node: Node, need: str) -> str:
        try:
            return StageFolder(node.root / need).manifest_hash()
        except FormatError as error:
            raise StageError(
                f'stage {node.stage.name} needs stage {need}, which is not done in {node.root}; '
                'leave --from out, or give an earlier stage.'
            ) from error

    @property
    def left(self) -> list[Node]:
        """Those that are not done."""
        return [node for node in self.nodes.values() if node.state != DONE]

    def foreign_files(self) -> list[str]:
        """Return the files in folders of stages that have ended which no stage has made."""
        found = []
        for node in self.nodes.values():
            with contextlib.suppress(FormatError):
                names = node.folder.foreign(node.folder.read_outputs(), node.stage.made)
                found += [str(node.folder.path / name) for name in names]
        return found

    def force(self, names: Iterable[str]) -> None:
        """Have stages made again, and what is made from them.

        Args:
            names: Of stages, or ``all``.

        Raises:
            StageError: If there is no such stage.
        """
        known = {n.stage.name for n in self.nodes.values()}
        for name in names:
            if name not in ('all', *known):
                raise StageError(f'there is no stage {name} to force; there are {sorted(known)}.')
        for node in self.nodes.values():
            if node.stage.name in names or 'all' in names:
                node.state, node.why, node.is_sound = STALE, 'forced', False
            else:
                self._wait(node, 'for what is forced')

    def retry_failed(self) -> None:
        """Have stages that are done try again what failed, and keep all else that they have."""
        for node in self.nodes.values():
            if node.state == DONE and not node.link and (number := len(node.failed)):
                node.state, node.why = BEGUN, f'tries {counted(number, "image")} again'
                node.is_sound, node.retries = False, True
            else:
                self._wait(node, 'for what is tried again')

    def _wait(self, node: Node, why: str) -> None:
        """Let a stage that is done wait, if one that it needs is not."""
        above = [self.nodes[key] for key in self.needs(node) if key in self.nodes]
        if node.state == DONE and not all(a.is_sound for a in above):
            node.state, node.why, node.is_sound = WAITS, why, False

    def prepare(self) -> None:
        """Take away what says that a stage is done which is not, so that its rule runs.

        Manifests of stages whose files are sound are written again.
        """
        for node in self.left:
            if node.why == 'forced':
                shutil.rmtree(node.folder.path, ignore_errors=True)
                Aside(node.folder).drop()
            if node.is_sound:
                node.folder.write_manifest(node.folder.read_outputs())
                node.state = DONE
            else:
                (node.folder.path / MANIFEST).unlink(missing_ok=True)

    def write(self, path: Path, options: Options, threads: int, gpus: bool, bars: bool) -> None:
        """Write what the rules of the workflow are made from.

        Args:
            path: File to write.
            options: How the workflow runs.
            threads: Of each stage.
            gpus: Whether stages that may use GPUs ask for them.
            bars: Whether bars go to the terminal.
        """
        jobs = {}
        for key, node in self.nodes.items():
            ranks = ranks_of(node.stage, options.ranks)
            nodes = options.nodes if ranks > 1 else 1
            jobs[key] = dict(
                rule=node.stage.rule,
                done=node.state == DONE,
                stage=asdict(node.stage),
                root=str(node.root),
                origin=asdict(node.origin),
                link=node.link,
                keeps=node.stage.rule == KEEPING,
                retries=node.retries,
                inputs=[f'{need}/{MANIFEST}' for need in self.needs(node)],
                ranks=ranks,
                nodes=nodes,
                shards=options.shards.get(node.stage.name, 1),
                threads=threads,
                resources=_resources(ranks, nodes, gpus and node.stage.command in RANKED),
                bars=bars,
            )
        several = {Path(key).parent.as_posix() for key in jobs} != {'.'}
        write_json(
            path,
            dict(
                jobs=jobs,
                python=sys.executable,
                cwd=os.getcwd(),
                file=str(path.absolute()),
                several=several,
            ),
        )


def ranks_of(stage: Stage, ranks: int) -> int:
    """Return how many ranks a stage gets if others get a number."""
    if ranks == 1 or stage.command not in RANKED:
        return 1
    return stage.ranks or ranks


def _resources(ranks: int, nodes: int, gpus: bool) -> dict[str, int | str]:
    """Return what a job asks Snakemake for."""
    found: dict[str, int | str] = dict(gpu=ranks if gpus else 0)
    if nodes > 1:
        # the job starts its ranks by srun; see snakemake-executor-plugin-slurm
        found |= dict(mpi='srun', tasks=ranks, nodes=nodes)
        found |= dict(tasks_per_gpu=1) if gpus else {}
    return found
