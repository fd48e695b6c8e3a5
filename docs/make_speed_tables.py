"""Puts the figures of benchmarks/results/speed into docs/benchmarks.md.

python docs/make_speed_tables.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pointillist.benchmark.tables import markdown, verdict
from pointillist.files import read_json, write_text

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- speed -->", "<!-- end of speed -->"


def plain_loop(result: dict[str, Any]) -> str:
    """Ours against a plain loop."""
    targets = result["targets"]
    rows = [["", "pointillist, images/s", "plain loop, images/s", "ratio", "target"]]
    for name, rates in result["images_per_second"].items():
        ratio = result["ratios"][name]
        target = verdict(ratio, targets[name]) if name in targets else "none"
        row = [name.replace("_", " "), f"{rates['pointillist']:,.0f}", f"{rates['plain']:,.0f}"]
        rows.append([*row, f"{ratio:.2f}", target])
    step = result["images_per_second"]["training_step"]
    waiting = step["share_waiting_for_data"]
    memory = result["peak_memory_mib"]
    kind = f"{result['backbone']}, {result['size']} px, batches of {result['batch']}"
    where = result["machine"]["gpu"] or f"{result['machine']['cores']} CPU cores"
    return (
        f"{kind}, {where}:\n\n{markdown(rows)}\n\n"
        f"A training step waits for data {100 * waiting:.1f} % of its time "
        f"({verdict(100 * waiting, 100 * targets['share_waiting_for_data'], least=False)}). "
        "The plain step is given its images for nothing; with its own loading it makes "
        f"{step['plain_with_loading']:.0f} images/s. Peak memory of a process that trains: "
        f"{memory['pointillist']:,.0f} MiB, plain {memory['plain']:,.0f} MiB."
    )


def representation(result: dict[str, Any]) -> str:
    """The two forms of GMP(F * h)."""
    rows = [["form of GMP(F * h)", "seconds", "MiB beyond the inputs"]]
    for name, form in result["forms"].items():
        rows.append([name, f"{form['seconds']:.2f}", f"{form['peak_mib']:,.0f}"])
    return (
        f"Semantic representations of {result['images']} images, {result['keypoints']} keypoints, "
        f"{result['channels']} channels at {result['side']} x {result['side']}, forward and "
        f"backward:\n\n{markdown(rows)}\n\n"
        f"{result['times_faster']:.1f} times faster "
        f"({verdict(result['times_faster'], 1)}) with {result['times_less_memory']:.0f} times less "
        f"memory ({verdict(result['times_less_memory'], 3)})."
    )


def video_memory(result: dict[str, Any]) -> str:
    """What a long video takes."""
    rows = [["prediction on a video", "frames", "frames/s", "peak MiB", "growth, MiB"]]
    for name, run in result["runs"].items():
        figures = (run["frames_per_second"], run["peak_mib"], run["growth_mib"])
        rows.append([name, f"{run['frames']:,}", *(f"{figure:,.0f}" for figure in figures)])
    most = max(run["growth_mib"] for run in result["runs"].values())
    return (
        f"Memory along a video ({result['video']}); growth is that of the peak after the first "
        f"quarter:\n\n{markdown(rows)}\n\nThe growth in MiB is to be "
        f"{verdict(most, result['bound_mib'], least=False)}."
    )


def exported(result: dict[str, Any]) -> str:
    """Exported files against eager PyTorch."""
    parts = []
    for title, network in result["networks"].items():
        rows = [["", *(f"{n} at a time, crops/s" for n in network["batches"]), "ratios", "target"]]
        for name in network["batches"]["1"]["crops_per_second"]:
            rates = [f"{b['crops_per_second'][name]:,.1f}" for b in network["batches"].values()]
            ratios = [b["times_eager"][name] for b in network["batches"].values()]
            least = result["targets"].get(name)
            target = "none" if least is None else verdict(min(ratios), least)
            rows.append([name, *rates, " and ".join(f"{r:.2f}" for r in ratios), target])
        parts.append(
            f"{title} ({network['backbone']}, {network['size']} px), exported, on "
            f"{result['machine']['cores']} CPU cores:\n\n{markdown(rows)}"
        )
    return "\n\n".join(parts)


def labelling(result: dict[str, Any]) -> str:
    """The labelling page with many images."""
    rows = [["opened in the browser", "median ms", "95th percentile, ms"]]
    names = {"next_image": "the next image", "any_image": "any other image"}
    for key, name in names.items():
        rows.append([name, *(f"{result[key][part]:.0f}" for part in ("median_ms", "p95_ms"))])
    slowest = max(result[key]["median_ms"] for key in names)
    return (
        f"The labelling page with {result['images']:,} photographs of 1920 x 1080 pixels, "
        f"{result['machine']['machine']['cores']} CPU cores for server and browser:\n\n"
        f"{markdown(rows)}\n\nThe median in ms is to be {verdict(slowest, 150, least=False)}. "
        f"While the gallery scrolls, a frame takes {result['scrolling_frame']['median_ms']:.0f} ms."
    )


def text() -> str:
    """Every speed result there is."""
    folder = RESULTS / "speed"
    parts = []
    for file in sorted(folder.glob("*.json")):
        result = read_json(file)
        if "ratios" in result and "images_per_second" in result:
            parts.append(plain_loop(result))
        elif "forms" in result:
            parts.append(representation(result))
        elif "networks" in result:
            parts.append(exported(result))
        elif "gallery_elements" in result:
            parts.append(labelling(result))
        elif "bound_mib" in result:
            parts.append(video_memory(result))
    return "\n\n".join(parts)


def page(before: str) -> str:
    """The page with the figures between its marks."""
    start, rest = before.split(BEGIN, 1)
    return f"{start}{BEGIN}\n{text()}\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    write_text(PAGE, page(PAGE.read_text(encoding="utf-8")))
