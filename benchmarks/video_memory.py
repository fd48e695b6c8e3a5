"""Memory and rate of prediction on video, against the video's length.

    python benchmarks/video_memory.py [--frames 1000 10000] [--out FILE]

Videos of noise that moves are made, and each is predicted, with an overlay, in a process of its
own with the network of the ``cpu`` preset at random. What counts is how much the peak of the
resident memory grows from the shorter to the longer video, in bytes for each frame more. The
result goes to ``benchmarks/results/speed/video_memory.json``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.files import write_json
from pointillist.run import environment

SIZE = (320, 240)
#: More than this many bytes for each frame would be pictures or points that pile up.
BOUND = 200


def make_video(path: Path, frames: int) -> None:
    """A video of a pattern that moves."""
    from pointillist.video_writing import VideoWriter

    rng = np.random.default_rng(0)
    pattern = np.kron(rng.integers(0, 255, (60, 80, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    width, height = SIZE
    with VideoWriter(path, 30, SIZE) as writer:
        for i in range(frames):
            x, y = (3 * i) % (640 - width), (2 * i) % (480 - height)
            writer.write(np.ascontiguousarray(pattern[y : y + height, x : x + width]))


def predict_once(video: Path, folder: Path) -> dict[str, Any]:
    """Predicts a video in this process; its peak memory in MiB."""
    import resource

    import torch

    from pointillist.backend import TorchBackend
    from pointillist.config import make_config
    from pointillist.inference import Predictor
    from pointillist.models.localizer import create_localizer
    from pointillist.skeleton import Skeleton
    from pointillist.video_prediction import predict_video

    torch.manual_seed(0)
    config = make_config(preset="cpu", values={"model": {"pretrained": False}})
    skeleton = Skeleton(tuple(f"point {i}" for i in range(14)))
    backend = TorchBackend(
        create_localizer(config.model, len(skeleton)), skeleton, config.input, flip=False
    )
    report = predict_video(
        Predictor(backend), video, folder / "out.csv", overlay=folder / "out.mp4"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scale = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return {
        "frames": report.frames_read,
        "frames_per_second": round(report.rate, 1),
        "peak_mib": round(peak / scale, 1),
    }


def main() -> None:
    """Makes the videos, predicts each in a process, writes the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, nargs=2, default=(1000, 10000))
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results/speed/video_memory.json"
    )
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.once is not None:
            print(json.dumps(predict_once(options.once, folder)))
            return
        runs = []
        for frames in options.frames:
            video = folder / f"{frames}.mp4"
            make_video(video, frames)
            command = [sys.executable, __file__, "--once", str(video)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
            print(runs[-1])
    more = runs[1]["frames"] - runs[0]["frames"]
    growth = (runs[1]["peak_mib"] - runs[0]["peak_mib"]) * 2**20 / more
    result = {
        "video": f"{SIZE[0]}x{SIZE[1]}, overlay, no flip test",
        "runs": runs,
        "bytes_per_frame": round(growth, 1),
        "bound": BOUND,
        "within_bound": growth <= BOUND,
        "environment": environment(),
    }
    write_json(options.out, result, indent=1)
    print(f"{growth:.0f} bytes for each frame more; bound {BOUND}; wrote {options.out}")


if __name__ == "__main__":
    main()
