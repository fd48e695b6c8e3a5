"""GMP(F * h): the plain form against the one that never holds the product; time and memory.

    python benchmarks/representation.py [--images 32] [--side 64] [--out FOLDER]

Forward and backward, each form in a process of its own (peak memory is a process's), rounds in
turn. On a GPU memory is what the allocator peaked at; elsewhere it needs Linux. The result goes to
``benchmarks/results/speed/representation-<kind>.json``. ``speed.py`` measures it too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pointillist.files import write_json
from pointillist.models.representation import represent
from pointillist.run import environment

KEYPOINTS, CHANNELS = 14, 64


def plain(features: Tensor, heatmaps: Tensor) -> Tensor:
    """As the paper writes it: the (B, K, C, H, W) product is held."""
    return (features[:, None] * heatmaps[:, :, None]).flatten(3).amax(dim=3)


FORMS = {"plain": plain, "pointillist": represent}


def measure(name: str, images: int, side: int, rounds: int) -> dict[str, float]:
    """Median seconds of a forward and backward pass, and peak MiB beyond the inputs."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    shape = (side, side)
    features = torch.randn(images, CHANNELS, *shape, device=device, requires_grad=True)
    heatmaps = torch.rand(images, KEYPOINTS, *shape, device=device, requires_grad=True)

    def once() -> None:
        features.grad = heatmaps.grad = None
        FORMS[name](features, heatmaps).sum().backward()
        if device == "cuda":
            torch.cuda.synchronize()

    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        once()
        times.append(time.perf_counter() - start)
    features.grad = heatmaps.grad = None
    peak = _gpu_peak(once) if device == "cuda" else _resident_peak(once)
    return {"seconds": statistics.median(times), "peak_mib": peak}


def _gpu_peak(work: Callable[[], None]) -> float:
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    work()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def _resident_peak(work: Callable[[], None]) -> float:
    """MiB above the start, sampled while it runs: the kernel's own high-water mark lags behind."""
    before, seen, done = _resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.append(_resident())
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return max(seen) - before


def _resident() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss")) / 2**10


def compare_forms(*, images: int, side: int, rounds: int, folder: Path) -> None:
    """Measures both forms in turn and writes the medians and their ratios below a folder."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in FORMS}
    for _ in range(rounds):
        for name in FORMS:
            command = [sys.executable, __file__, "--only", name]
            command += ["--images", str(images), "--side", str(side)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    medians = {
        name: {key: round(statistics.median(run[key] for run in runs), 4) for key in runs[0]}
        for name, runs in found.items()
    }
    kind = "gpu" if torch.cuda.is_available() else "cpu"
    ours, theirs = medians["pointillist"], medians["plain"]
    around = environment()
    result = {
        "images": images,
        "side": side,
        "keypoints": KEYPOINTS,
        "channels": CHANNELS,
        "forms": medians,
        "times_faster": round(theirs["seconds"] / ours["seconds"], 2),
        "times_less_memory": round(theirs["peak_mib"] / ours["peak_mib"], 2),
        **{key: around[key] for key in ("commit", "versions", "machine")},
    }
    write_json(folder / f"representation-{kind}.json", result, indent=1)
    print(json.dumps(result, indent=1))


def main() -> None:
    """One form in this process, or both and a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "speed")
    arguments = parser.parse_args()
    sizes = {"images": arguments.images, "side": arguments.side}
    if arguments.only:
        print(json.dumps(measure(arguments.only, **sizes, rounds=3)))
        return
    compare_forms(**sizes, rounds=arguments.rounds, folder=arguments.out)


if __name__ == "__main__":
    main()
