"""Speed and memory against a plain PyTorch loop, in the same run.

    python benchmarks/speed.py [--backbone resnet18] [--size 128] [--out FILE]

Both sides use the same network and the same real photographs (LSP, below ``POINTILLIST_DATA``).
Their rounds alternate, so that a machine whose speed drifts treats both alike; a figure is the
median over rounds. The result goes to ``benchmarks/results/speed/<name>.json``; beside it, from
``representation.py``, the two forms of the semantic representation.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

import representation
from plain import PlainDataset, predict_batch, train_step
from pointillist.augment import ViewMaker
from pointillist.backend import TorchBackend
from pointillist.config import Config, make_config
from pointillist.crops import CONTEXT, CropSpec
from pointillist.files import write_json
from pointillist.formats import open_dataset
from pointillist.inference import Predictor
from pointillist.lightning_module import make_optimizer
from pointillist.loading import CropStore, MixedBatches, make_loader
from pointillist.methods import Setting, get_method
from pointillist.models.localizer import Localizer, create_localizer
from pointillist.precision import resolve_precision
from pointillist.run import environment
from pointillist.samples import labeled_samples

IMAGES = 512
BATCH = 16


def alternate(rounds: int, **sides: Callable[[], int]) -> dict[str, float]:
    """Images per second of each side: the median over rounds, taken in turn."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, work in sides.items():
            start = time.perf_counter()
            images = work()
            if number:  # the first round warms up
                rates[name].append(images / (time.perf_counter() - start))
    return {name: round(statistics.median(values), 1) for name, values in rates.items()}


def synchronize() -> None:
    """Waits for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class Bench:
    """Data, networks and both sides' loops."""

    def __init__(self, config: Config, rounds: int) -> None:
        self.config, self.rounds = config, rounds
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.data = open_dataset(Path(os.environ["POINTILLIST_DATA"]) / "lsp")
        self.data = self.data.subset(self.data.images[:IMAGES])
        self.samples = labeled_samples(self.data)
        size = config.input
        self.store = CropStore(
            self.samples, 14, CropSpec(size.width, size.height, size.margin, CONTEXT)
        )
        assert self.data.skeleton is not None
        self.skeleton = self.data.skeleton

    def network(self) -> Localizer:
        """The same random network for everybody."""
        torch.manual_seed(0)
        return create_localizer(self.config.model, 14).to(self.device)

    def plain_loader(self, augment: bool, workers: int = 0) -> DataLoader:
        """The yardstick's loader."""
        dataset = PlainDataset(self.samples, self.config.input.width, 1.5, augment=augment)
        return DataLoader(dataset, BATCH, num_workers=workers)

    def loading(self) -> dict[str, float]:
        """Decoding and cropping, against the plain dataset; then from the filled cache."""
        plain = self.plain_loader(augment=True)
        spec = self.store.spec

        def decode() -> int:
            CropStore(self.samples, 14, spec, cache="memory").fill(workers=2)
            return len(self.samples)

        def plainly() -> int:
            return sum(len(images) for images, _ in plain)

        rates = alternate(self.rounds, pointillist=decode, plain=plainly)
        self.store.fill(workers=2)
        order = range(BATCH)

        def cached() -> int:
            for _ in range(100):
                self.store[order]
            return 100 * BATCH

        return rates | alternate(self.rounds, cached=cached)

    def training(self, steps: int) -> dict[str, Any]:
        """Training steps. Ours makes its views and targets; the plain one gets them for free."""
        ours, theirs = self.network(), self.network()
        ours = ours.to(memory_format=torch.channels_last)
        views = ViewMaker(
            (self.config.input.width, self.config.input.height), self.skeleton, ours.mean, ours.std
        )
        kind = get_method("supervised")
        setting = Setting(views, self.config.views, self.config.input.sigma, self.skeleton)
        method = kind(ours, setting, kind.Options())
        if self.config.training.compile:
            method.model.compile()
        optimizer = make_optimizer(method, self.config.training)
        autocast = resolve_precision(self.config.training.precision, ours) != "32-true"
        batches = MixedBatches(self.store.labeled, (BATCH, 0), 10**6, seed=0)
        loader = iter(make_loader(self.store, batches))
        plain_optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-3)
        loaded = [t.to(self.device) for t in next(iter(self.plain_loader(augment=True)))]
        waited = {"load": 0.0, "all": 0.0}

        def step() -> int:
            for _ in range(steps):
                start = time.perf_counter()
                batch = next(loader).to(self.device)
                waited["load"] += time.perf_counter() - start
                with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=autocast):
                    losses = method(batch)
                torch.stack(list(losses.values())).sum().backward()
                optimizer.step()
                optimizer.zero_grad()
                synchronize()
                waited["all"] += time.perf_counter() - start
            return steps * BATCH

        def plainly() -> int:
            for _ in range(steps):
                train_step(theirs, plain_optimizer, *loaded)
                synchronize()
            return steps * BATCH

        rates: dict[str, Any] = alternate(self.rounds, pointillist=step, plain=plainly)
        rates["share_waiting_for_data"] = round(waited["load"] / waited["all"], 4)
        return rates

    def plain_whole_loop(self, steps: int) -> float:
        """Images per second of the plain script as people run it, loading included."""
        network = self.network()
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
        loader = self.plain_loader(augment=True, workers=2)

        def loop() -> int:
            done = 0
            for images, maps in loader:
                train_step(network, optimizer, images.to(self.device), maps.to(self.device))
                done += len(images)
                if done >= steps * BATCH:
                    break
            return done

        return alternate(2, plain=loop)["plain"]

    def prediction(self) -> dict[str, float]:
        """Whole predictions from files, flip test included."""
        network = self.network()
        backend = TorchBackend(self.network(), self.skeleton, self.config.input)
        predictor = Predictor(backend, batch_size=32)
        data = self.data.subset(self.data.images[:256])
        plain = PlainDataset(labeled_samples(data), self.config.input.width, 1.5, augment=False)
        order = self.skeleton.flip_order
        network.eval()

        def ours() -> int:
            return len(predictor.predict(data))

        def plainly() -> int:
            for images, _ in DataLoader(plain, 32):
                predict_batch(network, images.to(self.device), order)
            return len(plain)

        return alternate(self.rounds, pointillist=ours, plain=plainly)


def peak_memory(side: str, arguments: argparse.Namespace) -> float:
    """Peak resident memory in MiB of a process that only trains one side."""
    command = [sys.executable, __file__, "--only", side, "--backbone", arguments.backbone]
    command += ["--size", str(arguments.size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return round(float(done.stdout.strip().splitlines()[-1]), 1)


def _resident() -> float:
    """Peak resident MiB of this process."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count what the parent held when it forked
        lines = status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**10
    import resource

    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10, help="training steps a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--only", choices=["pointillist", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    config = make_config(
        sets=[
            f"model.backbone={arguments.backbone}",
            f"input.width={arguments.size}",
            f"input.height={arguments.size}",
            f"training.compile={arguments.compile}",
        ]
    )
    bench = Bench(config, arguments.rounds)
    if arguments.only == "plain":
        bench.plain_whole_loop(arguments.steps)
        print(_resident())
        return
    if arguments.only == "pointillist":
        bench.store.fill(workers=2)
        bench.training(arguments.steps)
        print(_resident())
        return
    result: dict[str, Any] = {
        "backbone": arguments.backbone,
        "size": arguments.size,
        "batch": BATCH,
        "compile": arguments.compile,
        "images_per_second": {
            "loading": bench.loading(),
            "training_step": bench.training(arguments.steps),
            "prediction": bench.prediction(),
        },
    }
    rates = result["images_per_second"]
    rates["training_step"]["plain_with_loading"] = bench.plain_whole_loop(arguments.steps)
    result["ratios"] = {
        name: round(values["pointillist"] / values["plain"], 2) for name, values in rates.items()
    }
    result["targets"] = {"training_step": 1.4, "prediction": 1.3, "share_waiting_for_data": 0.05}
    result["peak_memory_mib"] = {
        side: peak_memory(side, arguments) for side in ("pointillist", "plain")
    }
    around = environment()
    result |= {key: around[key] for key in ("commit", "versions", "machine")}
    kind = "gpu" if torch.cuda.is_available() else "cpu"
    out = arguments.out or Path(__file__).parent / "results" / "speed" / (
        f"{arguments.backbone}-{arguments.size}-{kind}.json"
    )
    write_json(out, result, indent=1)
    print(f"wrote {out}", result["ratios"], rates, result["peak_memory_mib"], sep="\n")
    representation.compare_forms(images=32, side=64, rounds=3, folder=out.parent)


if __name__ == "__main__":
    main()
