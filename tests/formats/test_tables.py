from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_data import SKELETON, instance, instances

from pointillist.dataset import Image
from pointillist.errors import DataError
from pointillist.formats.tables import read_table, table_of, write_csv, write_hdf

SINGLE = "scorer,A,A,A,A\nbodyparts,nose,nose,tail,tail\ncoords,x,y,x,y\n"


def table_file(folder: Path, text: str) -> Path:
    path = folder / "CollectedData_A.csv"
    path.write_bytes(text.encode())
    return path


def test_the_centre_of_the_first_pixel_is_half_half_here(tmp_path: Path) -> None:
    table = read_table(table_file(tmp_path, SINGLE + "labeled-data\\v\\a.png,0,0,10.25,3\n"))
    assert table.rows == ["labeled-data/v/a.png"]
    assert table.points[0, 0].tolist() == [[0.5, 0.5], [10.75, 3.5]]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n"])
def test_header_in_several_guises(tmp_path: Path, newline: str, start: str) -> None:
    text = (
        "scorer,,,A,A,A,A\nindividuals,,,m1,m1,single,single\nbodyparts,,,nose,nose,box,box\n"
        "coords,,,x,y,x,y\nlabeled-data,v,a.png,1,2,,\n\nlabeled-data,v,b.png,,,3,4\n"
    )
    table = read_table(table_file(tmp_path, start + text.replace("\n", newline)))
    assert table.rows == ["labeled-data/v/a.png", "labeled-data/v/b.png"]
    assert (table.individuals, table.keypoints) == (["m1", "single"], ["nose", "box"])
    assert table.points[0, 0, 0].tolist() == [1.5, 2.5]
    assert table.points[1, 1, 1].tolist() == [3.5, 4.5]
    assert np.isfinite(table.points).sum() == 4


def test_a_column_that_is_no_coordinate_is_told(tmp_path: Path) -> None:
    text = "scorer,A,A,A,set\nbodyparts,n,n,n,\ncoords,x,y,likelihood,\na.png,1,2,0.25,train\n"
    table = read_table(table_file(tmp_path, text))
    assert table.likelihood is not None
    assert table.likelihood.tolist() == [[[0.25]]]
    assert len(table.odd) == 1
    assert "left out" in table.odd[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SINGLE + "a.png,1,2,3\n", r"CollectedData_A\.csv, row 4: this row has 4 cells .* has 5"),
        (SINGLE + "a.png,1,2,x,4\n", r"row 4: 'x' in the column 'tail x' is not a number"),
        (SINGLE + "a.png,1,,3,4\n", r"row 4: 'nose' has only one coordinate"),
        (SINGLE + "a.png,1,inf,3,4\n", r"row 4: 'nose' is infinitely far away"),
        (SINGLE + "a.png,1,2,3,4\na.png,1,2,3,4\n", r"row 5: 'a.png' has a row already \(row 4\)"),
        ("name,x,y\na.png,1,2\n", r"row 1: the header has a row 'name'"),
        ("scorer,A,A\nbodyparts,n,n\na.png,1,2\n", r"row 3: the header has a row 'a.png'"),
        ("scorer,A,A\nbodyparts,n\n", r"row 2: .* has 2 cells, the one above it 3"),
        ("scorer,A,A\nbodyparts,n,n\ncoords,u,v\n", r"row 3: no column is called x or y"),
        ("scorer,A\nbodyparts,n\ncoords,x\na.png,1\n", r"'n' has a column x or y but not both"),
        ("", r"the header rows scorer, bodyparts and coords are missing"),
        (
            "scorer,A,A,B,B\nbodyparts,n,n,n,n\ncoords,x,y,x,y\na.png,1,2,3,4\n",
            r"'n' has two columns 'x', of the scorers 'A' and 'B'",
        ),
    ],
)
def test_a_wrong_shape_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(table_file(tmp_path, text))


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"scorer,\xff\xfe")
    with pytest.raises(DataError, match="not a UTF-8 text file"):
        read_table(path)


def test_broken_hdf(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(DataError, match="HDF5 table cannot be read"):
        read_table(path)


def test_hdf_that_asks_for_code_is_refused(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("df")
        group.attrs["pandas_type"] = np.bytes_(b"frame_table")
        group.attrs["non_index_axes"] = np.bytes_(b"cbuiltins\neval\n(V1+1\ntR.")
        group["table"] = np.zeros(1)
    with pytest.raises(DataError, match=r"asks for builtins\.eval"):
        read_table(path)


# The first use of pandas takes longer than hypothesis allows a case.
@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(instances(), max_size=3), min_size=1, max_size=4), st.booleans())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list, split: bool) -> None:
    folder = tmp_path_factory.mktemp("tables")
    names = [f"labeled-data/v/img{i}.png" for i in range(len(rows))]
    table = table_of([Image("", instances=r) for r in rows], names, SKELETON, "A")
    write_csv(table, folder / "a.csv", split_names=split)
    write_hdf(table, folder / "a.h5", split_names=split)
    for file in ("a.csv", "a.h5"):
        again = read_table(folder / file)
        assert again.rows == names
        for i, objects in enumerate(rows):
            found = again.instances(i, SKELETON)
            assert len(found) == len(objects)
            for a, b in zip(objects, found, strict=True):
                np.testing.assert_allclose(a.points, b.points, atol=0.001)
                assert (a.visibility == b.visibility).all()


def test_tracks_keep_their_column_and_others_get_a_name() -> None:
    images = [
        Image("a", instances=[instance([(1, 1), None, None]), instance([(2, 2)] * 3, track="z")]),
        Image("b", instances=[instance([(3, 3)] * 3, track="animal1")]),
    ]
    table = table_of(images, ["a", "b"], SKELETON, "A")
    assert table.individuals == ["animal1", "z"]
    assert table.points[:, 0, 0].tolist() == [[1, 1], [3, 3]]
    assert table.points[0, 1].tolist() == [[2, 2]] * 3


def test_predictions_have_a_likelihood_and_frames_their_number(tmp_path: Path) -> None:
    import pandas as pd

    made = instance([(1.5, 2.5), (3, 4), (5, 6)], confidence=np.array([0.25, 0.5, 1.0]))
    table = table_of([Image("v.mp4", instances=[made], frame=7)], ["7"], SKELETON, "A")
    write_csv(table, tmp_path / "a.csv")
    write_hdf(table, tmp_path / "a.h5")
    # As DeepLabCut's own scripts open them.
    csv = pd.read_csv(tmp_path / "a.csv", header=[0, 1, 2], index_col=0)
    hdf = pd.read_hdf(tmp_path / "a.h5")
    for frame in (csv, hdf):
        assert frame.index.tolist() == [7]
        assert frame["A"]["nose"].to_numpy().tolist() == [[1.0, 2.0, 0.25]]
        assert frame["A"]["right_ear"]["likelihood"].tolist() == [1.0]
    pd.testing.assert_frame_equal(csv, hdf)
