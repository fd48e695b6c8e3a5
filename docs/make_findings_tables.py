"""Puts the goals, and the forms that auto has had, with their scores into docs/findings.md.

python docs/make_findings_tables.py
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointillist.benchmark.grid import load_results
from pointillist.benchmark.protocol import open_protocol
from pointillist.benchmark.tables import fill_in, markdown, mean_and_spread, verdict
from pointillist.files import read_json, write_text

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "findings.md"
RESULTS = ROOT / "benchmarks" / "results"

#: Results of a protocol.
Results = Sequence[Mapping[str, Any]]

SCORE = "pck@0.1"
#: Seeds that a goal of a small protocol asks for; with fewer it is met, or missed, "so far".
SEEDS = 3
HEAD = ["goal, in points", "measured", "against", "difference", "at least", "one look"]

#: What auto is compared with, and the forms that it has had: name -> files below the results.
FORMS = {
    "lsp-small, 8,000 steps": {
        "supervised, 50 %": "lsp-small/supervised-50-seed*.json",
        "supervised, all labels": "lsp-small/supervised-100-seed*.json",
        "**`auto`, 5 %**": "lsp-small/auto-5-seed*.json",
        "as many crops in its last steps (`auto_two_parts`)": "lsp-small/auto_two_parts-5-*.json",
        "three parts": "tuning/lsp-auto-seed*-three-parts.json",
        "two parts, an eighth of labelled crops, turned at the end": "tuning/lsp-auto-seed*-"
        "eighth-labelled.json",
        "two parts, half of them, turned at the end": "tuning/lsp-auto-seed*-half-labelled.json",
        "before the closer look": "tuning/lsp-auto-seed*-before-closer-look.json",
    },
    "lsp-small, 12,000 steps": {
        "supervised, 50 %": "lsp-small/supervised_longer-50-seed*.json",
        "**`auto`, 5 %**": "lsp-small/auto_longer-5-seed*.json",
        "three parts": "tuning/lsp-auto-longer-seed*-three-parts.json",
    },
    "cub-small, 3,000 steps": {
        "supervised, 50 %": "cub-small/supervised-50-seed*.json",
        "**`auto`, 5 %**": "cub-small/auto-5-seed*.json",
        "absent points left out": "tuning/cub-auto-seed*-before-absent-marks.json",
        "that, before the repair of borders": "tuning/cub-auto-seed*-before-border-repair.json",
        "that, the backbone at the full rate": "tuning/cub-auto-seed*-full-backbone-rate.json",
        "that, the teacher later": "tuning/cub-auto-seed*-late-teacher.json",
        "that, and as many crops in its last steps": "tuning/cub-auto-seed*-32-crops.json",
        "two parts, a rate that falls (`auto_two_parts`)": "cub-small/auto_two_parts-5-*.json",
        "that, an eighth of labelled crops": "tuning/cub-auto-seed*-eighth-labelled.json",
        "that, half of them": "tuning/cub-auto-seed*-half-labelled.json",
        "before the closer look": "tuning/cub-auto-seed*-before-closer-look.json",
    },
    "cub-small, 6,000 steps": {
        "supervised, 50 %": "cub-small/supervised_longer-50-seed*.json",
        "**`auto`, 5 %**": "cub-small/auto_longer-5-seed*.json",
        "two parts, a rate that stays": "tuning/cub-auto-longer-seed*-two-parts.json",
    },
}


@dataclass(frozen=True)
class Scores:
    """A metric of the same training with several seeds, in percent; from one look too."""

    usual: Sequence[float]
    once: Sequence[float] = ()

    def text(self) -> str:
        """Mean, standard deviation, seeds."""
        return mean_and_spread(self.usual) or "not measured"


def scores(results: Results) -> Scores:
    """Of result files."""
    of = [[100 * r[look][SCORE]["value"] for r in results] for look in ("metrics", "one_look")]
    return Scores(*of)


def cell(results: Results, row: str, fraction: float, unlabeled: float = 100) -> Scores:
    """Of a row of a small protocol; labels in percent, and the other images."""
    place = (row, fraction, unlabeled)
    return scores([r for r in results if (r["method"], r["fraction"], r["unlabeled"]) == place])


def so_far(seeds: int, wanted: int = SEEDS) -> str:
    """What is said after a verdict on fewer seeds than are asked for."""
    return " so far" if seeds < wanted else ""


def compare(
    goal: str,
    ours: Scores,
    theirs: Scores,
    least: float,
    *,
    name: str = "",
    seeds: int = SEEDS,
    complete: bool = True,
) -> list[str]:
    """One goal: its scores, and whether the difference of the means is what was aimed at.

    Args:
        goal: in words.
        ours, theirs: what is compared.
        least: points that ours are to be ahead.
        name: of theirs.
        seeds: that each is to have.
        complete: everything that is to be compared with was measured.
    """
    row = [goal, ours.text(), f"{name} {theirs.text()}".lstrip()]
    if not ours.usual or not theirs.usual:
        return [*row, "", f"{least:g}", ""]
    gained = float(np.mean(ours.usual) - np.mean(theirs.usual))
    met = verdict(gained, least).removeprefix("at least ")
    met += so_far(min(len(ours.usual), len(theirs.usual)) if complete else 0, seeds)
    once = f"{np.mean(ours.once) - np.mean(theirs.once):+.1f}" if ours.once and theirs.once else ""
    return [*row, f"{gained:+.1f}", met, once]


def over_others(protocol: str, results: Results, fraction: float) -> list[str]:
    """Whether auto is above each other row, which is above the one with the highest mean.

    Rows that are there to be asked for by name (longer, or prepared as auto is) have no part in it.
    """
    methods = [row for row in open_protocol(protocol).methods if row != "auto"]
    known = {row: cell(results, row, fraction) for row in methods}
    measured = {row: found for row, found in known.items() if found.usual}
    goal = f"`auto` over every other method, {fraction} %"
    best = max(measured, key=lambda row: np.mean(measured[row].usual), default="")
    name = f"best of {len(measured)} of {len(methods)}: {best}" if best else ""
    seeds = [len(found.usual) >= SEEDS for found in measured.values()]
    return compare(
        goal,
        cell(results, "auto", fraction),
        measured.get(best, Scores(())),
        0,
        name=name,
        complete=len(measured) == len(methods) and all(seeds),
    )


def small(protocol: str, results: Results, wanted: float) -> list[list[str]]:
    """The goals of a small protocol.

    Args:
        protocol: its name.
        results: all of its results.
        wanted: points that semantic consistency is to be ahead of supervised training.
    """
    half, few = (cell(results, "supervised", fraction) for fraction in (50, 5))
    auto, longer = cell(results, "auto", 5), cell(results, "auto_longer", 5)
    consistent = cell(results, "semantic_consistency", 5)
    half_longer = cell(results, "supervised_longer", 50)
    rows = [
        compare("semantic consistency over supervised, 5 %", consistent, few, wanted),
        compare("`auto` with 5 %, supervised with 50 %", auto, half, 0),
        compare("the same, supervised with more steps", auto, half_longer, 0),
        compare("the same, both with more steps", longer, half_longer, 0),
        *(over_others(protocol, results, fraction) for fraction in (5, 10, 20)),
    ]
    everything = cell(results, "supervised", 100)
    rows += [
        compare("`auto`, all labels", cell(results, "auto", 100), everything, -0.5),
        compare("`auto`, 5 % and no other images", cell(results, "auto", 5, 0), few, -0.5),
    ]
    return [[f"{protocol}: {row[0]}", *row[1:]] for row in rows]


def calibration(results: Results) -> list[list[str]]:
    """How wrong the confidence of each method is on LSP with 5 % of the labels."""
    errors: dict[str, list[float]] = {}
    for result in results:
        error = result["metrics"].get("calibration_error")
        if result["fraction"] == 5 and error is not None:
            alone = "" if result["unlabeled"] else ", labels alone"
            errors.setdefault(result["method"] + alone, []).append(error["value"])
    rows = [["lsp-small, 5 %: calibration error", "seeds", "largest", "at most"]]
    methods = open_protocol("lsp-small").methods
    for row in (row + alone for row in methods for alone in ("", ", labels alone")):
        if row in errors:
            worst = max(errors[row])
            met = verdict(worst, 0.05, least=False).removeprefix("at most ")
            seeds = len(errors[row])
            rows.append([row, str(seeds), f"{worst:.3f}", met + so_far(seeds)])
    return rows


def suggested(arm: str) -> Scores:
    """100 labels and 100 more, chosen in one way."""
    files = sorted((RESULTS / "suggest").glob(f"{arm}-seed*.json"))
    return Scores([100 * read_json(file)["metrics"][SCORE]["value"] for file in files])


def frames() -> list[list[str]]:
    """The mean error on frames of video, each method predicting as it does by default."""
    told = "auto --missing-absent"
    rows = [["mean pixel error", "seeds", "auto", told, "supervised", "is to be less"]]
    looks = {"auto": "copies", "auto_missing_absent": "copies", "supervised": "one look"}
    for data in ("ultrasound", "mirror_mouse"):
        found = [read_json(file) for file in sorted((RESULTS / "few_frames").glob(f"{data}-*"))]
        errors = {
            method: [
                result["metrics"][look]["pixel_error_mean"]["value"]
                for result in found
                if result["method"] == method
            ]
            for method, look in looks.items()
        }
        there = {method: values for method, values in errors.items() if values}
        means = {method: float(np.mean(values)) for method, values in there.items()}
        met = "met" if means["auto"] < means["supervised"] else "**missed**"
        met += so_far(min(map(len, there.values())))
        seeds = "/".join(dict.fromkeys(str(len(values)) for values in there.values()))
        shown = [f"{means[method]:.2f}" if method in means else "–" for method in looks]
        rows.append([data, seeds, *shown, met])
    return rows


def forms() -> list[list[list[str]]]:
    """A table for each protocol and number of steps."""
    tables = []
    for title, files in FORMS.items():
        rows = [[title, "seeds", "copies or mirror image", "one look", "minutes", "files"]]
        for name, pattern in files.items():
            found = [read_json(file) for file in sorted(RESULTS.glob(pattern))]
            if not found:
                rows.append([name, "", "not measured", "", "", ""])
                continue
            usual, once = (
                ", ".join(f"{100 * result[look][SCORE]['value']:.1f}" for result in found)
                for look in ("metrics", "one_look")
            )
            seeds = ", ".join(str(result["seed"]) for result in found)
            minutes = ", ".join(f"{result['minutes']:.0f}" for result in found)
            rows.append([name, seeds, usual, once, minutes, f"`{pattern}`"])
        tables.append(rows)
    return tables


def table() -> str:
    """Every goal that is a score, frames of video, and the calibration."""
    lsp, cub = (load_results(RESULTS, name) for name in ("lsp-small", "cub-small"))
    rows = [*small("lsp-small", lsp, 5), *small("cub-small", cub, 2)]
    demo = read_json(RESULTS / "demo" / "results.json")
    auto, plain = scores([demo["auto"]]), scores([demo["supervised"]])
    rows.append(compare("demo: `auto` over supervised", auto, plain, 10, seeds=1))
    both, chance = suggested("both"), suggested("random")
    rows.append(compare("suggest: 100 more by `both` over chance", both, chance, 1))
    return "\n\n".join(markdown(part) for part in ([HEAD, *rows], frames(), calibration(lsp)))


def places() -> dict[str, str]:
    """What belongs between which marks of the page."""
    return {"goals": table(), "forms": "\n\n".join(markdown(rows) for rows in forms())}


if __name__ == "__main__":
    for place, text in places().items():
        write_text(PAGE, fill_in(PAGE, place, text))
