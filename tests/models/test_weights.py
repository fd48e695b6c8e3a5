from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pointillist.errors import ConfigError
from pointillist.models.backbones import create_backbone
from pointillist.models.weights import load_weights


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


# Without BatchNorm's counter: 2 for the linear layer, 4 for BatchNorm.
NAMES = ("0.bias", "0.weight", "1.bias", "1.running_mean", "1.running_var", "1.weight")


def test_a_full_file(tmp_path: Path) -> None:
    source, target = model(), model()
    with torch.no_grad():
        source[0].weight.fill_(2)
    path = tmp_path / "full.safetensors"
    save_file(source.state_dict(), path)
    report = load_weights(target, path)
    assert report.loaded == NAMES
    assert (report.missing, report.unexpected, report.mismatched) == ((), (), {})
    assert report.summary() == "full.safetensors: 6 of the backbone's 6 tensors loaded"
    assert (target[0].weight == 2).all()


def test_what_did_not_load_is_named(tmp_path: Path) -> None:
    target = model()
    before = target[0].weight.clone()
    path = tmp_path / "part.safetensors"
    save_file(
        {
            "0.bias": torch.tensor([1.0, 2.0, 3.0]),
            "0.weight": torch.zeros(3, 5),
            "head.bias": torch.zeros(1),
        },
        path,
    )
    report = load_weights(target, path)
    assert report.loaded == ("0.bias",)
    assert report.missing == ("1.bias", "1.running_mean", "1.running_var", "1.weight")
    assert report.unexpected == ("head.bias",)
    assert report.mismatched == {"0.weight": ((3, 5), (3, 2))}
    assert report.summary().splitlines() == [
        "part.safetensors: 1 of the backbone's 6 tensors loaded",
        "  4 not in the file, left at random: 1.bias, 1.running_mean, 1.running_var and 1 more",
        "  1 of another shape, left at random: 0.weight (file 3x5, model 3x2)",
        "  1 only in the file, not used: head.bias",
    ]
    assert target[0].bias.tolist() == [1, 2, 3]
    assert torch.equal(target[0].weight, before)


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "model.", "module.backbone.model."])
def test_prefixes_are_looked_through(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "prefixed.safetensors"
    save_file({prefix + name: t for name, t in model().state_dict().items()}, path)
    assert load_weights(model(), path).loaded == NAMES


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_pytorch_files(tmp_path: Path, wrapper: str | None) -> None:
    state = model().state_dict()
    path = tmp_path / "weights.pth"
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, path)
    assert load_weights(model(), path).loaded == NAMES


def test_half_precision_becomes_the_model_s(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_file({"0.weight": torch.full((3, 2), 0.1, dtype=torch.float16)}, path)
    target = model()
    load_weights(target, path)
    assert target[0].weight.dtype == torch.float32
    # The half precision number next to 0.1 is 1638 / 16384.
    assert target[0].weight[0, 0].item() == pytest.approx(1638 / 16384, abs=1e-9)


class Evil:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("evil"),))


def test_files_that_cannot_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = tmp_path / "whole.safetensors"
    save_file(model().state_dict(), whole)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(whole.read_bytes()[:-9])
    other = tmp_path / "other.safetensors"
    save_file({"conv.weight": torch.zeros(1)}, other)
    damaged = tmp_path / "damaged.safetensors"
    save_file({"0.bias": torch.tensor([1.0, float("nan"), 3.0])}, damaged)
    text = tmp_path / "text.pth"
    text.write_text("no weights", encoding="utf-8")
    table = tmp_path / "table.csv"
    table.write_text("scorer,a\n", encoding="utf-8")  # its first letter takes from an empty stack
    code = tmp_path / "code.pth"
    torch.save({"0.bias": torch.zeros(3), "x": Evil()}, code)
    listed = tmp_path / "listed.pth"
    torch.save([torch.zeros(3)], listed)

    for path, message in [
        (tmp_path / "absent.safetensors", "there is no such weights file"),
        (broken, "not a readable safetensors file"),
        (other, "none of its 1 tensors fits the model, which has tensors such as 0.bias"),
        (damaged, "0.bias: the tensor holds NaN or infinite values"),
        (text, "not a PyTorch file that holds tensors only"),
        (table, "not a PyTorch file that holds tensors only"),
        (code, "not a PyTorch file that holds tensors only"),
        (listed, "the file holds no named tensors"),
    ]:
        target = model()
        with pytest.raises(ConfigError, match=message) as caught:
            load_weights(target, path)
        assert str(path) in str(caught.value)
        assert torch.equal(target[0].bias, model()[0].bias)  # nothing was half loaded
    assert not (tmp_path / "evil").exists()


def test_the_real_resnet18(weights: Path) -> None:
    path = weights / "resnet18.safetensors"
    backbone = create_backbone("resnet18", weights=path)
    report = backbone.weights_report
    assert report is not None
    # 15 convolutions without bias, 15 BatchNorms of four tensors each.
    assert len(report.loaded) == 15 + 15 * 4
    assert (report.missing, report.unexpected, report.mismatched) == ((), (), {})
    torch.testing.assert_close(
        backbone.model.model.conv1.weight, load_file(path)["conv1.weight"].float()
    )
    torch.manual_seed(0)
    with torch.no_grad():
        features = backbone.eval()(torch.randn(2, 3, 64, 64))
    for feature in features:
        assert torch.isfinite(feature).all()
        assert feature.std() > 0.01

    # The file ends at stride 16.
    report = create_backbone("resnet18", weights=path, max_stride=32).weights_report
    assert report is not None
    assert all(name.startswith("layer4.") for name in report.missing)
    assert len(report.missing) == 25


def test_the_real_mobilenet(weights: Path) -> None:
    path = weights / "mobilenetv1_100.safetensors"
    backbone = create_backbone("mobilenetv1_100", weights=path)
    report = backbone.weights_report
    assert report is not None
    assert (report.missing, report.mismatched) == ((), {})
    assert {name.split(".")[0] for name in report.unexpected} == {"blocks", "classifier"}
    with torch.no_grad():
        assert all(torch.isfinite(f).all() for f in backbone.eval()(torch.randn(1, 3, 64, 64)))

    report = create_backbone("mobilenetv1_100", weights=path, max_stride=32).weights_report
    assert report is not None
    assert report.summary() == (
        "mobilenetv1_100.safetensors: 135 of the backbone's 135 tensors loaded\n"
        "  2 only in the file, not used: classifier.bias, classifier.weight"
    )


def test_the_file_of_another_backbone_is_refused(weights: Path) -> None:
    with pytest.raises(ConfigError, match="Is it the file of another backbone"):
        create_backbone("resnet18", weights=weights / "mobilenetv1_100.safetensors")
