"""Protocols: every one that ships opens, names what it needs, and makes configs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pointillist.benchmark.cells import Cell, run_cell
from pointillist.benchmark.paper import part_cells
from pointillist.benchmark.protocol import DataSource, Protocol, open_protocol, protocol_names
from pointillist.errors import ConfigError, DataError
from pointillist.files import read_json, write_json
from pointillist.formats import open_dataset
from pointillist.methods import METHODS
from pointillist.methods.consistency import easy_view
from pointillist.split import split_dataset


def test_the_protocols_that_ship() -> None:
    papers = {"lsp", "cub", "mpii", "atrw", "coco-1k", "coco-5k", "coco-10k", "mpii-aic"}
    assert papers | {"lsp-small", "cub-small"} <= set(protocol_names())


@pytest.mark.parametrize("name", protocol_names())
def test_every_row_of_every_protocol_gives_a_config(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POINTILLIST_WEIGHTS", str(tmp_path))
    protocol = open_protocol(name)
    for row in [*protocol.methods, *protocol.variants]:
        config = protocol.config_for(row, 3, {"max_steps": 7})
        assert config.method in METHODS
        METHODS[config.method].Options(**config.method_options)
        assert config.training.seed == 3
        assert config.training.max_steps == 7


def test_variants_run_only_where_they_are_named() -> None:
    protocol = open_protocol("cub-small")
    assert protocol.method_of("auto_longer") == "auto"
    rows = {cell.method for cell in part_cells(protocol, None)}
    assert {"auto", "supervised"} <= rows
    assert "auto_longer" not in rows
    (cell,) = part_cells(protocol, None, rows=["auto_longer"], fractions=[5], seeds=1)
    assert cell.method == "auto_longer"


@pytest.mark.parametrize("name", ["lsp", "cub", "mpii", "atrw"])
def test_nothing_stops_pseudo_labels_before_their_second_stage(name: str) -> None:
    protocol = open_protocol(name)
    assert protocol.config_for("supervised", 0, {}).training.patience == 10
    assert protocol.config_for("pseudo_labels", 0, {}).training.patience == 0


def test_the_papers_settings() -> None:
    config = open_protocol("lsp").config_for("semantic_consistency", 0, {})
    assert (config.input.width, config.input.height, config.input.sigma) == (256, 256, 2.0)
    assert (config.model.backbone, config.training.learning_rate) == ("hrnet_w32", 1e-4)
    options = METHODS[config.method].Options(**config.method_options).model_dump()
    assert (options["valid_only"], options["burn_in"], options["ramp"]) == (False, 0, 0)
    weights = [options[k] for k in ("supervised", "semantic", "equivariance", "invariance")]
    assert weights == [1000.0, 0.5, 100.0, 100.0]
    published = open_protocol("lsp").published
    assert published[1]["Ours"][5] == "66.98 ± 0.94"
    assert published[2]["TE + TI"][20] == "64.01"
    assert published[4]["Without g/t heatmaps"][100] == "73.65"
    assert open_protocol("cub").published[3] == {
        "Ours": {10: "87.01", 20: "88.33", 50: "89.44", 100: "91.34"},
        "SB": {100: "85.33"},
    }


def test_every_method_of_the_papers_protocols_is_faithful() -> None:
    for name in ("lsp", "cub", "mpii", "atrw"):
        protocol = open_protocol(name)
        assert len(protocol.methods) == 5
        for row in protocol.methods:
            assert protocol.config_for(row, 0, {}).method_options["faithful"] is True


def test_weights_are_named_below_their_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POINTILLIST_WEIGHTS", str(tmp_path))
    protocol = open_protocol("lsp-small")
    protocol.methods["generative"] = {"method_options": {"perceptual_weights": "vgg/19.pth"}}
    config = protocol.config_for("generative", 0, {})
    assert config.model.weights == tmp_path / "resnet18.safetensors"
    assert config.method_options["perceptual_weights"] == str(tmp_path / "vgg" / "19.pth")
    # What is kept of it names no folder of this machine.
    kept = protocol.portable("generative", config)
    assert kept["model"]["weights"] == "resnet18.safetensors"
    assert kept["method_options"]["perceptual_weights"] == "vgg/19.pth"
    assert str(tmp_path) not in str(kept)


def test_missing_data_is_told_with_where_it_lives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POINTILLIST_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"atrw expects its data here.*https://") as error:
        open_protocol("atrw").open_data()
    assert str(tmp_path / "atrw") in str(error.value)
    monkeypatch.delenv("POINTILLIST_DATA")
    with pytest.raises(ConfigError, match=r"POINTILLIST_DATA is not set.*export.*https://"):
        open_protocol("atrw").open_data()


def test_mpii_and_atrw_are_split_as_they_come(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTILLIST_DATA", str(data))
    mpii = on_fixtures("mpii", {"train": "mpii/test_mpii.json"})
    images = mpii.open_data()
    assert len(images) == 5
    assert all(image.labeled for image in images)
    assert mpii.split.ranges == {"train": "0:10000", "val": "10000:13311", "test": "13311:16269"}
    tigers = {"train": "atrw/test_atrw.json", "test": "atrw/test_atrw.json"}
    atrw = on_fixtures("atrw", tigers)
    assert set(open_protocol("atrw").data.files) == set(tigers)
    parts = split_dataset(atrw.open_data(), groups=atrw.split.groups)
    assert [len(part) for part in (parts.labeled, parts.val, parts.test)] == [1, 1, 2]


def test_a_folder_where_a_file_belongs_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a folder, not a JSON file.*Name the file"):
        open_dataset(tmp_path, "mpii")


def test_names_are_helped_with() -> None:
    with pytest.raises(ConfigError, match="did you mean 'lsp-small'"):
        open_protocol("lsp-smal")
    with pytest.raises(ConfigError, match="did you mean 'supervised'"):
        open_protocol("lsp").config_for("superwised", 0, {})


def test_an_own_protocol_with_a_typing_mistake(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\ntitel: Mine\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        open_protocol(str(file))


#: The same few images for both parts.
COCO = {"train": "coco/test_coco.json", "test": "coco/test_coco.json"}


def on_fixtures(name: str, files: dict[str, str]) -> Protocol:
    """A protocol with the few images at hand."""
    protocol = open_protocol(name)
    changed = DataSource(
        path="coco_style",
        format=protocol.data.format,
        home=protocol.data.home,
        annotated_only=protocol.data.annotated_only,
        held_out=dict.fromkeys(protocol.data.held_out, 1),
        files=files,
    )
    small = {"labeled_per_step": 2, "unlabeled_per_step": 2, "workers": 0, "validate_every": 2}
    config = protocol.config | {"training": protocol.config["training"] | small}
    config["model"] = protocol.config["model"] | {"pretrained": False}
    return protocol.model_copy(update={"data": changed, "config": config})


@pytest.mark.parametrize(
    ("name", "row", "files"),
    [
        ("coco-1k", "posedual_cutout", COCO),
        ("coco-5k", "posecons_cutout", COCO),
        ("coco-10k", "adaptive_masking", COCO),
        (
            "mpii-aic",
            "multi_augment",
            {"train": "mpii/test_mpii.json", "unlabeled": "coco/test_coco.json"},
        ),
    ],
)
def test_protocols_of_the_teacher_methods_run_on_the_fixtures(
    name: str,
    row: str,
    files: dict[str, str],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POINTILLIST_DATA", str(data))
    protocol = on_fixtures(name, files)
    cell = Cell(row, 100 if "unlabeled" in files else 50, 0)
    result = run_cell(protocol, cell, protocol.open_data(), tmp_path, {"max_steps": 2}, quiet=True)
    assert result["steps"] == 2
    assert result["dataset"]["unlabeled"] > 0
    score = result["metrics"][protocol.metric]
    if name == "mpii-aic":  # the community's JSON has no head boxes, as MPII's own file has
        assert "there is no head box" in score["reason"]
        score = result["metrics"]["pck@0.1"]
    assert 0 <= score["value"] <= 1
    config = result["config"]
    assert (config["model"]["backbone"], config["input"]["sigma"]) == ("resnet18", 2.0)
    assert (config["training"]["optimizer"], config["training"]["learning_rate"]) == ("adam", 1e-3)


def test_images_that_lie_elsewhere_are_found_and_their_lack_is_an_error(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AI Challenger as mmpose has it: bare names, in a folder that lies beside the annotations'."""
    monkeypatch.setenv("POINTILLIST_DATA", str(tmp_path))
    fixtures = data / "coco_style"
    shutil.copytree(fixtures / "mpii", tmp_path / "mpii")
    content = read_json(fixtures / "coco" / "test_coco.json")
    images = tmp_path / "aic" / "train_20170902" / "keypoint_train_images_20170902"
    images.mkdir(parents=True)
    for image in content["images"]:
        shutil.copy(next(fixtures.rglob(image["file_name"])), images)
    write_json(tmp_path / "aic" / "annotations" / "aic_train.json", content)
    protocol = open_protocol("mpii-aic")
    files = protocol.data.files | {"train": "mpii/test_mpii.json"}
    changed = {"files": files, "held_out": {"val": 1, "test": 1}}
    protocol = protocol.model_copy(update={"data": protocol.data.model_copy(update=changed)})
    others = [image for image in protocol.open_data() if image.group == "unlabeled"]
    assert others
    assert all(Path(image.path).parent == images for image in others)
    images.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"aic.annotations: none of the 4 images"):
        protocol.open_data()
    (tmp_path / "mpii").rename(tmp_path / "people")
    (tmp_path / "mpii").mkdir()
    shutil.copy(tmp_path / "people" / "test_mpii.json", tmp_path / "mpii")
    with pytest.raises(DataError, match=r"test_mpii\.json: none of the images"):
        protocol.open_data()


def test_the_published_settings_of_easy_and_hard_views() -> None:
    for name, epochs, falls in (
        ("coco-1k", 30, (20, 25)), ("coco-5k", 100, (70, 90)), ("coco-10k", 100, (70, 90))
    ):  # fmt: skip
        protocol = open_protocol(name)
        config = protocol.config_for("posecons", 0, {})
        assert (config.input.width, config.input.height) == (192, 256)
        assert config.training.max_steps == epochs * 4682
        stairs = [epochs * share for share in config.training.stairs]
        assert stairs == pytest.approx(falls, abs=0.1)
        assert (config.training.ema_decay, protocol.flip_test) == (0, False)
        assert config.views.model_dump() == easy_view().model_dump()
        assert protocol.config_for("posedual_cutout", 0, {}).method_options["cutout"] == 5
    # With 1,000 labels, joint cutout is trained longer.
    longer = open_protocol("coco-1k").config_for("posecons_cutout", 0, {}).training
    assert longer.max_steps == 70 * 4682
    assert [70 * share for share in longer.stairs] == pytest.approx([50, 60], abs=0.1)
