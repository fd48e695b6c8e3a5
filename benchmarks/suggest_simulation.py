"""Does it matter which images are labelled? Labels are hidden, suggestions ask for some of them.

On LSP, per seed: 100 labelled images, a training, then 100 more of a pool of 2,000, chosen by a
strategy from that training, and a training from the start on all 200. Strategies differ in nothing
else. One JSON file for each training; what is there is never run again, what was killed continues.

    POINTILLIST_DATA=... POINTILLIST_WEIGHTS=... python benchmarks/suggest_simulation.py
    python benchmarks/suggest_simulation.py --table
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.benchmark.protocol import Protocol, open_protocol
from pointillist.dataset import Dataset
from pointillist.files import read_json, write_json
from pointillist.inference import evaluate
from pointillist.run import Run, environment
from pointillist.suggest import STRATEGIES, suggest
from pointillist.training import train

START, ADDED, POOL = 100, 100, 2000
#: Positions in the data set. Strategies were tuned on the validation part and other seeds.
PARTS = {"train": (0, 7500), "val": (7500, 8000), "test": (8000, 8500)}
HERE = Path(__file__).parent


class Simulation:
    """The trainings of one seed.

    Args:
        seed: chooses the first labels and the pool, and is that of every training.
        options: of the command line.
    """

    def __init__(self, seed: int, options: argparse.Namespace) -> None:
        self.seed, self.options = seed, options
        self.protocol: Protocol = open_protocol("lsp-small")
        self.data = self.protocol.open_data()
        low, high = PARTS["train"]
        self.order = low + np.random.default_rng(seed).permutation(high - low)
        self.runs = Path(options.runs) / f"seed{seed}"

    def run(self) -> None:
        """Every training of this seed that has no result yet."""
        missing = [arm for arm in self.options.arms if not self._file(arm).exists()]
        if not missing and self._file("start").exists():
            return
        first = self.order[:START]
        start = self._train("start", first)
        self._score("start", start, first)
        pool = self.order[START : START + POOL]
        candidates = self.data.subset(self.data[int(i)].without_labels() for i in pool)
        number = {image.path: int(i) for image, i in zip(candidates, pool, strict=True)}
        for arm in missing:
            found = suggest(start, candidates, count=ADDED, strategy=arm, seed=self.seed)
            picked = [number[pick.image.path] for pick in found.picks]
            rows = np.concatenate([first, picked])
            run = self._train(arm, rows)
            self._score(arm, run, rows)
            shutil.rmtree(run.path)
        shutil.rmtree(self.runs)

    def _file(self, arm: str) -> Path:
        return Path(self.options.results) / f"{arm}-seed{self.seed}.json"

    def _part(self, name: str) -> Dataset:
        return self.data.subset(self.data.images[slice(*PARTS[name])])

    def _train(self, arm: str, rows: np.ndarray) -> Run:
        options, folder = self.options, self.runs / arm
        steps = {"max_steps": options.steps, "validate_every": options.steps}
        config = self.protocol.config_for("supervised", self.seed, steps)
        config.input.width = config.input.height = options.size
        started = (folder / "problems.txt").exists()
        if not started:
            shutil.rmtree(folder, ignore_errors=True)
        print(f"seed {self.seed}, {arm}: {len(rows)} labelled images", flush=True)
        return train(
            None if started else self.data.subset(self.data[int(i)] for i in rows),
            folder,
            val=None if started else self._part("val"),
            config=None if started else config,
            resume=started,
            quiet=True,
        )

    def _score(self, arm: str, run: Run, rows: np.ndarray) -> None:
        if self._file(arm).exists():
            return
        scores, truth, _ = evaluate(run, self._part(self.options.part))
        around = environment()
        result = {
            "arm": arm,
            "seed": self.seed,
            "part": self.options.part,
            "images": len(truth),
            "labeled": [int(i) for i in rows],
            "pool": POOL,
            "steps": run.metrics["steps"],
            "minutes": run.metrics["minutes"],
            "metrics": scores,
            "config": run.config.model_dump(mode="json"),
            **{key: around[key] for key in ("commit", "versions", "machine")},
        }
        result["config"]["model"]["weights"] = Path(str(run.config.model.weights)).name
        write_json(self._file(arm), result, indent=1)
        print(f"    {100 * scores['pck@0.1']['value']:.2f} PCK@0.1", flush=True)


def table(results: Path) -> list[str]:
    """A Markdown table: one row a way of choosing, one column a seed, PCK@0.1."""
    found: dict[str, dict[int, float]] = {}
    for file in sorted(results.glob("*.json")):
        result: dict[str, Any] = read_json(file)
        value = 100 * result["metrics"]["pck@0.1"]["value"]
        found.setdefault(result["arm"], {})[result["seed"]] = value
    seeds = sorted({seed for values in found.values() for seed in values})
    lines = [
        f"| labelled | {' | '.join(f'seed {seed}' for seed in seeds)} | mean |",
        "|" + " --- |" * (len(seeds) + 2),
    ]
    for arm in ("start", *STRATEGIES):
        if arm in found:
            values = [found[arm].get(seed) for seed in seeds]
            cells = ["–" if value is None else f"{value:.1f}" for value in values]
            mean = np.mean([value for value in values if value is not None])
            name = f"{START}" if arm == "start" else f"{START} + {ADDED} by `{arm}`"
            lines.append(f"| {name} | {' | '.join(cells)} | {mean:.1f} |")
    return lines


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=["both", "random"], choices=list(STRATEGIES))
    parser.add_argument("--part", choices=["val", "test"], default="test", help="scored on this")
    parser.add_argument("--size", type=int, default=64, help="of the network's input, pixels")
    parser.add_argument("--steps", type=int, default=1500, help="of each training")
    parser.add_argument("--results", default=HERE / "results" / "suggest")
    parser.add_argument("--runs", default=Path("runs/suggest"), help="folder for the trainings")
    parser.add_argument("--table", action="store_true", help="train nothing, show what there is")
    options = parser.parse_args()
    if not options.table:
        for seed in options.seeds:
            Simulation(seed, options).run()
    print("\n".join(table(Path(options.results))))


if __name__ == "__main__":
    main()
