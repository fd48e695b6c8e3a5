from pathlib import Path

import cv2
import numpy as np

from pointillist.dataset import Dataset, Image, Instance
from pointillist.images import read_image
from pointillist.report.overlays import write_overlays
from pointillist.skeleton import Skeleton


def one(x, y):
    return Instance(np.array([(x, y)], float), np.array([2]))


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_each_image_with_points_is_drawn_at_its_own_size(tmp_path):
    root = tmp_path / "data"
    for name in ("a/one.png", "b/one.jpg", "two.bmp", "two.png", "none.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), np.full((40, 60, 3), 90, np.uint8))
    images = [
        Image("a/one.png", instances=[one(20, 10)]),
        Image("b/one.jpg", instances=[one(20, 10)]),
        Image("two.bmp", instances=[one(20, 10)]),
        Image("two.png", instances=[one(20, 10)]),
        Image("none.png"),
        Image("gone.png", instances=[one(20, 10)]),
        Image(str(root / "two.png"), instances=[one(20, 10)]),
    ]
    out = tmp_path / "out"
    problems = write_overlays(Dataset(Skeleton(("a",)), images, root), out)
    assert len(problems) == 1
    assert "gone.png" in problems[0]
    assert files(out) == ["a/one.png", "b/one.jpg", "two-2.png", "two-3.png", "two.png"]
    for file in out.rglob("*.*"):
        drawn = read_image(file)
        assert drawn.shape == (40, 60, 3)
        y, x = np.unravel_index(np.ptp(drawn, axis=2).argmax(), (40, 60))
        assert abs(x - 20) <= 3
        assert abs(y - 10) <= 3


def test_nothing_is_written_outside_the_folder(tmp_path):
    root = tmp_path / "deep" / "data"
    root.mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "deep" / "up.png"), np.zeros((10, 10, 3), np.uint8))
    images = [Image("../up.png", instances=[one(5, 5)])]
    out = tmp_path / "out" / "here"
    assert write_overlays(Dataset(Skeleton(("a",)), images, root), out) == []
    assert files(tmp_path / "out") == ["here/up.png"]


def test_without_a_skeleton_there_is_nothing_to_draw(tmp_path):
    assert write_overlays(Dataset(None, [Image("a.png")], Path()), tmp_path / "out") == []
    assert not (tmp_path / "out").exists()


def test_frames_of_a_video_have_their_number(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "pointillist.report.overlays.read_pixels", lambda *_: np.zeros((20, 20, 3), np.uint8)
    )
    images = [Image("cam/v.mp4", frame=f, instances=[one(5, 5)]) for f in (3, 12)]
    write_overlays(Dataset(Skeleton(("a",)), images, tmp_path), tmp_path / "out")
    assert files(tmp_path / "out") == ["cam/v-000003.jpg", "cam/v-000012.jpg"]
