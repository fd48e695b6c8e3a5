from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_data import SKELETON, data_set, instance, instances, write_image

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.formats import detect_format, open_dataset, save_dataset
from video_files import make_video

EXPORT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><name>t</name><labels>
    <label><name>mouse</name><type>skeleton</type>
      <svg>&lt;line data-type="edge" data-node-from="2" data-node-to="1"&gt;&lt;/line&gt;
        &lt;circle data-element-id="1" data-label-name="nose"&gt;&lt;/circle&gt;
        &lt;circle data-element-id="2" data-label-name="tail"&gt;&lt;/circle&gt;</svg></label>
    <label><name>nose</name><type>points</type><parent>mouse</parent></label>
    <label><name>tail</name><type>points</type><parent>mouse</parent></label>
    <label><name>ear</name><type>points</type><parent>mouse</parent></label>
  </labels></task></meta>
  <image id="0" name="a.png" width="64" height="48">
    <box label="mouse" xtl="1.5" ytl="2" xbr="11.5" ybr="22" group_id="1"></box>
    <box label="mouse" xtl="5" ytl="5" xbr="6" ybr="6" group_id="0"></box>
    <skeleton label="mouse" group_id="1">
      <points label="tail" outside="0" occluded="1" points="3.25,4.50"></points>
      <points label="nose" outside="0" occluded="0" points="0.5,0.5"></points>
      <points label="ear" outside="1" occluded="0" points="9,9"></points>
    </skeleton>
  </image>
  <image id="1" name="b.png" width="64" height="48"></image>
</annotations>
"""


def export(folder: Path, text: str = EXPORT) -> Path:
    for name in ("a", "b"):
        write_image(folder / "images" / f"{name}.png")
    (folder / "annotations.xml").write_text(text)
    return folder


def test_export_for_images(tmp_path: Path) -> None:
    dataset = open_dataset(export(tmp_path))
    assert detect_format(tmp_path).name == "cvat"
    assert detect_format(tmp_path / "annotations.xml").name == "cvat"
    assert dataset.skeleton is not None
    assert dataset.skeleton.keypoints == ("nose", "tail", "ear")
    assert dataset.skeleton.edges == ((1, 0),)
    assert dataset.skeleton.name == "mouse"
    assert [(i.path, i.width, i.labeled) for i in dataset] == [
        ("images/a.png", 64, True),
        ("images/b.png", 64, False),
    ]
    found = dataset[0].instances[0]
    assert found.points[:2].tolist() == [[0.5, 0.5], [3.25, 4.5]]
    assert found.visibility.tolist() == [2, 1, 0]
    assert found.box == (1.5, 2, 10, 20)
    assert found.category is None
    assert dataset[0].boxes == [(5, 5, 1, 1)]


def test_points_without_a_skeleton_are_grouped(tmp_path: Path) -> None:
    point = '<points label="{}" occluded="0" points="{}" group_id="{}"></points>'
    shapes = "".join(
        point.format(*p) for p in (("nose", "1,1", 1), ("nose", "2,2", 2), ("tail", "3,3", 2))
    )
    text = f'<annotations><image name="a.png" width="64" height="48">{shapes}</image></annotations>'
    found = open_dataset(export(tmp_path, text))[0].instances
    assert [i.annotated.tolist() for i in found] == [[True, False], [True, True]]
    assert found[1].box == (2, 2, 1, 1)


def test_export_for_video(tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mp4", 5)
    shape = (
        '<skeleton frame="{}" keyframe="1"><points label="nose" outside="{}" occluded="0" '
        'points="{},1"></points></skeleton>'
    )
    tracks = "".join(
        f'<track id="{t}" label="mouse">{"".join(shape.format(*s) for s in shapes)}</track>'
        for t, shapes in enumerate([[(3, 0, 5), (1, 0, 4)], [(3, 0, 6), (4, 1, 0)]])
    )
    text = f"<annotations><meta><source>clip.mp4</source></meta>{tracks}</annotations>"
    (tmp_path / "a.xml").write_text(text)
    dataset = open_dataset(tmp_path / "a.xml")
    assert [(i.path, i.frame, [o.track for o in i.instances]) for i in dataset] == [
        ("clip.mp4", 1, ["0"]),
        ("clip.mp4", 3, ["0", "1"]),
    ]
    assert dataset[1].instances[1].points.tolist() == [[6, 1]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</annotations>", "", r"annotations\.xml, row \d+: this is not valid XML"),
        ("<?xml", "<!DOCTYPE a><?xml", "this XML defines entities"),
        ("0.5,0.5", "0.5", r"image 'images/a\.png': 'nose' has the points '0\.5'"),
        ("0.5,0.5", "nan,1", r"NaN or infinite"),
        ('label="tail" outside', 'label="nose" outside', "'nose' is there twice in one object"),
        ('xtl="1.5"', "", r"a <box> lacks a number"),
    ],
)
def test_bad_input(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(export(tmp_path, EXPORT.replace(old, new)), format="cvat")


def test_no_points_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no skeleton and no point"):
        open_dataset(export(tmp_path, '<annotations><image name="a.png"/></annotations>'))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(instances(hidden=True), max_size=3), min_size=1, max_size=3))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("cvat")
    dataset = data_set(folder / "in", [Image(f"{n}.png", instances=r) for n, r in enumerate(rows)])
    assert save_dataset(dataset, folder / "out", "cvat") == []
    again = open_dataset(folder / "out")
    assert again.skeleton == SKELETON
    for a, b in zip(dataset, again, strict=True):
        assert again.file(b).resolve() == dataset.file(a).resolve()
        for one, two in zip(a.instances, b.instances, strict=True):
            np.testing.assert_allclose(one.points, two.points, atol=0.01)
            assert one.visibility.tolist() == two.visibility.tolist()


def test_frames_are_written_out_and_boxes_and_kinds_stay(tmp_path: Path) -> None:
    video = make_video(tmp_path / "clip.mp4", 4)
    made = [
        instance([(1, 2), (3, 4), (5, 6)], box=(0.0, 0.0, 20.0, 10.0), category="rat"),
        instance([(1, 2), (3, 4), (5, 6)], category="vole"),
    ]
    dataset = Dataset(SKELETON, [Image(video.as_posix(), instances=made, frame=2)], tmp_path)
    notes = save_dataset(dataset, tmp_path / "out", "cvat")
    assert notes == ["1 frames of videos become image files"]
    again = open_dataset(tmp_path / "out")
    assert again.file(again[0]).is_file()
    assert again[0].instances[0].box == (0, 0, 20, 10)
    assert again[0].instances[1].category == "vole"
