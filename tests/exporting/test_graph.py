"""Writing networks as ONNX and as OpenVINO's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import pytest
import torch
from export_cases import HEIGHT, WIDTH
from torch import Tensor

from pointillist.calibration import Calibration
from pointillist.errors import PointillistError
from pointillist.exporting.graph import write_onnx, write_openvino
from pointillist.models.localizer import create_localizer
from pointillist.models.options import ModelOptions
from pointillist.points import CropPoints
from pointillist.synthetic import SKELETON


def test_a_transformer_at_another_size_than_it_was_made_for(
    crops: np.ndarray, tmp_path: Path
) -> None:
    """Its positions are resampled; OpenVINO itself would do that in another way."""
    torch.manual_seed(0)
    network = create_localizer(ModelOptions(backbone="test_vit", width=16), len(SKELETON))
    torch.nn.init.normal_(network.head.heatmaps.weight, std=0.1)
    model = CropPoints(network, SKELETON, decoding="quarter", flip=False).eval()
    with torch.no_grad():
        wanted, _ = model(torch.from_numpy(crops[:1]))
    write_onnx(model, (WIDTH, HEIGHT), tmp_path / "vit.onnx", dynamic_batch=False)
    write_openvino(tmp_path / "vit.onnx", tmp_path / "vit.xml")
    core = openvino.Core()
    compiled = core.compile_model(tmp_path / "vit.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled({"images": crops[:1]})["points"]
    np.testing.assert_allclose(found, wanted.numpy(), rtol=0, atol=1e-3)
    with torch.no_grad():  # the network itself was left as it was
        torch.testing.assert_close(model(torch.from_numpy(crops[:1]))[0], wanted, rtol=0, atol=0)


def test_copies_and_calibration_are_in_the_file(
    network: CropPoints, crops: np.ndarray, tmp_path: Path
) -> None:
    """For any number of crops at a time."""
    shares = tuple(np.linspace(0.1, 0.9, 51).tolist())
    model = CropPoints(
        network.network,
        SKELETON,
        decoding="dark",
        flip=True,
        copies=True,
        smoothing=1.0,
        sigma=1.5,
        calibration=Calibration(shares, 100),
    ).eval()
    write_onnx(model, (WIDTH, HEIGHT), tmp_path / "copies.onnx", dynamic_batch=True)
    session = onnxruntime.InferenceSession(tmp_path / "copies.onnx")
    for count in (1, 3):
        with torch.no_grad():
            points, confidence = model(torch.from_numpy(crops[:count]))
        found = session.run(["points", "confidence"], {"images": crops[:count]})
        np.testing.assert_allclose(found[0], points.numpy(), rtol=0, atol=1e-2)
        np.testing.assert_allclose(found[1], confidence.numpy(), rtol=0, atol=1e-4)
        assert confidence.min() >= 0.1


class Strange(CropPoints):
    """A network that ONNX cannot express: what it computes depends on what it sees."""

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        if crops.float().mean() > 100:
            crops = 255 - crops
        return super().forward(crops)


def test_a_network_that_cannot_be_written_is_one_line(network: CropPoints, tmp_path: Path) -> None:
    model = Strange(network.network, SKELETON, decoding="dark", flip=False).eval()
    with pytest.raises(
        PointillistError, match=r"^this network \(.*\) cannot be written as ONNX: .+$"
    ):
        write_onnx(model, (WIDTH, HEIGHT), tmp_path / "m.onnx", dynamic_batch=False)
