"""Memory and rate of prediction on video, against the video's length.

    python benchmarks/video_memory.py [--frames 12000] [--out FILE]

A pattern that moves is written as a video and predicted with the network of the ``cpu`` preset at
random, without and with an overlay, each in a process of its own. What counts is how much the
peak of the resident memory grows after the first quarter of the video. The result goes to
``benchmarks/results/speed/video_memory.json``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pointillist.backend import Backend, TorchBackend
from pointillist.config import make_config
from pointillist.files import write_json
from pointillist.inference import Predictor
from pointillist.models.localizer import create_localizer
from pointillist.run import environment
from pointillist.skeleton import Skeleton
from pointillist.video import VideoReader
from pointillist.video_prediction import predict_video
from pointillist.video_writing import VideoWriter

SIZE = (320, 240)
#: MiB. The queues may become fuller than they were in the first quarter, by 32 pictures each, and
#: an overlay's index grows; what piles up would be hundreds.
BOUND = 32


def make_video(path: Path, frames: int) -> None:
    """A video of a pattern that moves."""
    rng = np.random.default_rng(0)
    pattern = np.kron(rng.integers(0, 255, (60, 80, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    width, height = SIZE
    with VideoWriter(path, 30, SIZE) as writer:
        for i in range(frames):
            x, y = (3 * i) % (640 - width), (2 * i) % (480 - height)
            writer.write(np.ascontiguousarray(pattern[y : y + height, x : x + width]))


def peak_bytes() -> int:
    """Largest resident memory of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Watched:
    """A backend that notes the peak of the memory when a number of frames has passed.

    Args:
        backend: that does the work.
        mark: the number of frames.
    """

    def __init__(self, backend: Backend, mark: int) -> None:
        self.backend, self.mark = backend, mark
        self.skeleton, self.size, self.margin = backend.skeleton, backend.size, backend.margin
        self.frames = self.peak = 0

    def __call__(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.frames < self.mark <= self.frames + len(crops):
            self.peak = peak_bytes()
        self.frames += len(crops)
        return self.backend(crops)


def predict_once(video: Path, overlay: Path | None) -> dict[str, Any]:
    """Predicts a video in this process."""
    torch.manual_seed(0)
    config = make_config(preset="cpu", values={"model": {"pretrained": False}})
    skeleton = Skeleton(tuple(f"point {i}" for i in range(14)))
    network = create_localizer(config.model, len(skeleton))
    with VideoReader(video) as reader:
        mark = reader.frames // 4
    backend = Watched(TorchBackend(network, skeleton, config.input, flip=False), mark)
    report = predict_video(Predictor(backend), video, video.with_suffix(".csv"), overlay=overlay)
    return {
        "frames": report.frames_read,
        "frames_per_second": round(report.rate, 1),
        "peak_mib": round(peak_bytes() / 2**20, 1),
        "growth_mib": round((peak_bytes() - backend.peak) / 2**20, 1),
    }


def main() -> None:
    """Makes the video, predicts it twice, writes the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=12000)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results/speed/video_memory.json"
    )
    parser.add_argument("--once", type=Path, nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(predict_once(options.once[0], *options.once[1:] or [None])))
        return
    runs = {}
    with tempfile.TemporaryDirectory() as name:
        video = Path(name) / "video.mp4"
        make_video(video, options.frames)
        for title, more in (("points", []), ("points and overlay", [Path(name) / "drawn.mp4"])):
            command = [sys.executable, __file__, "--once", str(video), *map(str, more)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs[title] = json.loads(done.stdout.splitlines()[-1])
            print(title, runs[title])
    result = {
        "video": f"{SIZE[0]}x{SIZE[1]}, no flip test",
        "pictures_mib": round(options.frames * SIZE[0] * SIZE[1] * 3 / 2**20),
        "runs": runs,
        "bound_mib": BOUND,
        "within_bound": all(run["growth_mib"] <= BOUND for run in runs.values()),
        "environment": environment(),
    }
    write_json(options.out, result, indent=1)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
