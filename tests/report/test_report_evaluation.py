import json
from dataclasses import replace

import cv2
import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.metrics import score
from pointillist.report.evaluation import write_report
from pointillist.skeleton import Skeleton


def test_the_folder_holds_page_plots_and_scores(tmp_path):
    rng = np.random.default_rng(0)
    truth, guess = [], []
    for name in ("a.png", "b.png", "gone.png"):
        points = rng.uniform(5, 45, (2, 2))
        if name != "gone.png":
            cv2.imwrite(str(tmp_path / name), np.full((50, 50, 3), 120, np.uint8))
        truth.append(Image(name, 50, 50, [Instance(points, np.array([2, 2]))]))
        moved = Instance(points + rng.normal(0, 4, (2, 2)), np.array([2, 2]), confidence=[0.4, 0.6])
        guess.append(replace(truth[-1], instances=[moved]))
    skeleton = Skeleton(("nose", "tail"))
    data = Dataset(skeleton, truth, tmp_path, name="mice")
    predicted = data.subset(guess)
    scores = score(data, predicted, paired=True)
    out = tmp_path / "out"
    problems = write_report(out, scores, data, predicted, title="Mice", config={"preset": "cpu"})
    assert len(problems) == 1
    assert "gone.png" in problems[0]
    assert sorted(file.name for file in out.iterdir()) == [
        "index.html",
        "metrics.json",
        *(f"plot-{number}.png" for number in range(1, 5)),
        "predictions.jpg",
    ]
    assert json.loads((out / "metrics.json").read_text(encoding="utf-8")) == scores
    text = (out / "index.html").read_text(encoding="utf-8")
    assert text.count("data:image/png") == 4
    assert text.count("data:image/jpeg") == 2
    assert "<h1>Mice</h1>" in text
    assert "preset" in text
