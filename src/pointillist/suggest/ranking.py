"""From a run and unlabelled images to a ranking with reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.boxes.choosing import choose_boxes
from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.files import write_json
from pointillist.formats.locate import names_from
from pointillist.identity import keys_of
from pointillist.run import Run
from pointillist.samples import all_samples
from pointillist.skeleton import Skeleton
from pointillist.suggest.measures import nearest, places, share_below, uncertainty
from pointillist.suggest.observation import Observations, Observer
from pointillist.suggest.reasons import why
from pointillist.suggest.repeats import Repeats
from pointillist.suggest.sources import find_sources
from pointillist.suggest.strategies import STRATEGIES, Candidates, get_strategy
from pointillist.usual_box import with_usual_boxes

#: So many varied frames of each video are candidates.
FRAMES = 300
#: Of more labelled images than this, so many by chance stand for all.
MOST_LABELED = 2000


@dataclass(frozen=True)
class Pick:
    """One suggested image.

    Args:
        image: without labels.
        uncertainty: mean rank among the candidates, from 0 (the surest) to 1.
        disagreement: of the points between copies: mean, as a share of the view.
        student_gap: of the points between the learning network and its average, likewise.
        confidence: mean over points and copies.
        novelty: share of the candidates that are nearer to what is labelled.
        why: the reason in words.
    """

    image: Image
    uncertainty: float
    disagreement: float
    student_gap: float
    confidence: float
    novelty: float
    why: str


@dataclass(frozen=True)
class Suggestions:
    """What to label next, the most useful first.

    Args:
        picks: fewer than were asked for if all others nearly repeat them.
        root: folder that the images' relative paths start from.
        strategy: its name.
        candidates: how many images there were to choose from.
        left_out: reason -> number of images that were no candidates.
        problems: what could not be read, one line each.
    """

    picks: list[Pick]
    root: Path
    strategy: str
    candidates: int
    left_out: dict[str, int]
    problems: list[str]

    def as_json(self, folder: Path) -> dict[str, Any]:
        """Everything as JSON, with paths as seen from a folder."""
        images = Dataset(None, [pick.image for pick in self.picks], self.root)
        names = names_from(images, folder)
        return {
            "strategy": self.strategy,
            "candidates": self.candidates,
            "left_out": self.left_out,
            "problems": self.problems,
            "picks": [
                {
                    "rank": rank,
                    "image": name,
                    "frame": pick.image.frame,
                    "why": pick.why,
                    "uncertainty": round(pick.uncertainty, 4),
                    "disagreement": round(pick.disagreement, 4),
                    "student_gap": round(pick.student_gap, 4),
                    "confidence": round(pick.confidence, 4),
                    "novelty": round(pick.novelty, 4),
                }
                for rank, (pick, name) in enumerate(zip(self.picks, names, strict=True), start=1)
            ],
        }

    def save(self, path: str | Path) -> None:
        """Writes JSON: ``picks`` in order, each with ``image`` (as seen from the file's folder),
        ``frame`` (of a video, else null) and ``why``.

        A labelling project shows the file of the name ``suggestions.json`` in its folder: that is
        what :mod:`pointillist.web.predictions` reads.
        """
        path = Path(path)
        write_json(path, self.as_json(path.absolute().parent), indent=1)


def suggest(
    run: Run | str | Path,
    images: str | Path | Dataset | Sequence[str | Path],
    *,
    count: int = 20,
    strategy: str = "both",
    frames: int = FRAMES,
    seed: int = 0,
    device: str = "auto",
    quiet: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Suggestions:
    """Ranks unlabelled images by how much labelling them should help.

    Images that are labelled, in the run's own split or in what is given, are left out, and so is
    what nearly repeats one of them or an earlier pick.

    Args:
        run: the run or its folder.
        images: a data set, a folder, a file, a video or a list of these.
        count: how many to pick.
        strategy: a name of :data:`pointillist.suggest.strategies.STRATEGIES`.
        frames: of each video, so many varied frames are candidates.
        seed: of what is left to chance.
        device: ``auto``, ``cpu``, ``cuda``...
        quiet: no progress bar.
        say: is told what was chosen where nobody asked for it.

    Raises:
        ConfigError: an unknown strategy.
        DataError: there is no unlabelled image, or none that can be read.
    """
    choose = get_strategy(strategy)
    run = run if isinstance(run, Run) else Run.open(run)
    sources = find_sources(images, run, frames=frames, seed=seed)
    left_out, problems = dict(sources.left_out), list(sources.problems)
    observer = Observer(run, device)
    boxed = _with_found_boxes(run, sources.unlabeled, device=device, quiet=quiet, say=say)
    pool, seen, unread = _look(observer, boxed, quiet)
    if not len(pool):
        reason = unread[0] if unread else "no object was found in any"
        raise DataError(f"none of the images is of use: {reason}", where=boxed.root)
    if len(pool) < len(boxed):
        left_out["could not be read, or nothing was found in them"] = len(boxed) - len(pool)
    known_ones = _some(sources.labeled, seed)
    if run.usual_box is not None:  # as the candidates, so that both can be compared
        known_ones = with_usual_boxes(known_ones, run.usual_box)
    labeled, known, lost = _look(observer, known_ones, quiet)
    repeats = Repeats(
        keys_of(pool.root, pool) + keys_of(labeled.root, labeled), Observations.join([seen, known])
    )
    again = {int(i) for j in range(len(labeled)) for i in repeats.of(len(pool) + j)}
    fresh = [i for i in range(len(pool)) if i not in again]
    if len(fresh) < len(pool):
        left_out["nearly repeat a labelled image"] = len(pool) - len(fresh)
        pool, seen = pool.subset(pool[i] for i in fresh), seen.select(fresh)
    candidates = Candidates(
        uncertainty(seen), *places(seen, known), Repeats(keys_of(pool.root, pool), seen).of
    )
    picks = choose(candidates, count, seed)
    return Suggestions(
        picks=_explained(
            picks, candidates, seen, pool, run.skeleton, by_chance=choose is STRATEGIES["random"]
        ),
        root=pool.root,
        strategy=strategy,
        candidates=len(pool),
        left_out=left_out,
        problems=[*problems, *unread, *lost],
    )


def _with_found_boxes(
    run: Run, dataset: Dataset, *, device: str, quiet: bool, say: Callable[[str], None]
) -> Dataset:
    """The images with boxes where the run's box finder is needed; as they are where it is not."""
    found = choose_boxes(run, dataset, device=device, quiet=quiet, say=say)
    if found is None:
        return dataset
    images = [
        image if boxes is None else replace(image, boxes=[scored.box for scored in boxes])
        for image, boxes in zip(dataset, found.boxes, strict=True)
    ]
    # Where boxes were looked for and none was found there is no object.
    looked = zip(images, found.boxes, strict=True)
    return dataset.subset(image for image, boxes in looked if boxes is None or image.boxes)


def _some(labeled: Dataset, seed: int) -> Dataset:
    """At most :data:`MOST_LABELED` images, by chance."""
    if len(labeled) <= MOST_LABELED:
        return labeled
    chosen = np.random.default_rng(seed).choice(len(labeled), MOST_LABELED, replace=False)
    return labeled.subset(labeled[i] for i in np.sort(chosen))


def _look(
    observer: Observer, dataset: Dataset, quiet: bool
) -> tuple[Dataset, Observations, list[str]]:
    """What is seen in images, one crop of each: the one of which the network is least sure.

    Returns:
        the images that could be read, what is seen in them, and why others could not.
    """
    samples = all_samples(dataset)
    seen, rows, problems = observer.observe(samples, quiet=quiet)
    least: dict[int, int] = {}
    for row, number in enumerate(rows):
        image = id(samples[number].image)
        if image not in least or seen.sureness[row].mean() < seen.sureness[least[image]].mean():
            least[image] = row
    images = [image for image in dataset if id(image) in least]
    return dataset.subset(images), seen.select([least[id(i)] for i in images]), problems


def _explained(
    picks: list[int],
    candidates: Candidates,
    seen: Observations,
    pool: Dataset,
    skeleton: Skeleton,
    *,
    by_chance: bool,
) -> list[Pick]:
    gap, _ = nearest(candidates.features, candidates.labeled)
    novelty = share_below(gap)
    # How many candidates have nothing labelled or picked nearer than this pick.
    chosen_gap, owner = nearest(candidates.features, candidates.features[picks])
    stands_for = np.bincount(owner[chosen_gap < gap], minlength=len(picks)) - 1
    return [
        Pick(
            image=pool[i],
            uncertainty=float(candidates.uncertainty[i]),
            disagreement=float(seen.disagreement[i].mean()),
            student_gap=float(seen.student_gap[i].mean()),
            confidence=float(seen.sureness[i].mean()),
            novelty=float(novelty[i]),
            why=why(
                seen,
                i,
                skeleton,
                float(novelty[i]),
                int(stands_for[rank]),
                by_chance=by_chance,
            ),
        )
        for rank, i in enumerate(picks)
    ]
