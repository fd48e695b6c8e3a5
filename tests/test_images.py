"""Image files: sizes and pixels agree, whatever the file; what cannot be read says why."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.images import (
    check_image,
    copy_image,
    decode_image,
    image_size,
    list_images,
    natural_key,
    read_image,
    upright_size,
    with_sizes,
)

#: What an upright viewer does to the pixels of each EXIF orientation (EXIF 2.3, tag 274),
#: written with rot90 (counter-clockwise) so that the test does not repeat the code.
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.rot90(np.fliplr(a), 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.fliplr(a), -1),
    8: lambda a: np.rot90(a, 1),
}


def quadrants(height: int = 32, width: int = 48) -> np.ndarray:
    """Four flat colours: survives JPEG, and no two orientations of it look alike."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 255)
    return pixels


def encoded(pixels: np.ndarray, kind: str, orientation: int | None = None) -> bytes:
    options = {}
    if orientation is not None:
        exif = PIL.Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    if kind in ("JPEG", "WEBP"):
        options["quality"] = 95
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_turns_pixels_and_size(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    stored = quadrants()
    file = tmp_path / f"a.{kind.lower()}"
    file.write_bytes(encoded(stored, kind, orientation))
    pixels = read_image(file)
    expected = UPRIGHT[orientation](stored)
    assert image_size(file) == (expected.shape[1], expected.shape[0])
    assert pixels.shape == expected.shape
    assert pixels.flags.c_contiguous
    # The middle of each quadrant; compression blurs only the borders between them.
    height, width = expected.shape[:2]
    middles = np.ix_((height // 4, 3 * height // 4), (width // 4, 3 * width // 4))
    np.testing.assert_allclose(pixels[middles].astype(int), expected[middles], atol=12)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "GIF"])
def test_size_in_the_header_is_the_size_of_the_pixels(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a"
    file.write_bytes(encoded(quadrants(20, 34), kind))
    assert image_size(file) == (34, 20)
    assert read_image(file).shape == (20, 34, 3)


def test_channels_are_red_green_blue() -> None:
    pixels = decode_image(encoded(quadrants(), "PNG"), "a.png")
    np.testing.assert_array_equal(pixels, quadrants())


def test_greyscale_becomes_three_equal_channels() -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    pixels = decode_image(encoded(grey, "PNG"), "a.png")
    np.testing.assert_array_equal(pixels, np.repeat(grey[..., None], 3, axis=2))


def test_16_bit_values_are_divided_by_256() -> None:
    deep = np.array([[0, 255, 256], [1024, 32768, 65535]], np.uint16)
    _, data = cv2.imencode(".png", deep)
    expected = np.array([[0, 0, 1], [4, 128, 255]])
    pixels = decode_image(data.tobytes(), "a.png")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[..., 0], expected)


def test_alpha_is_dropped() -> None:
    pixels = np.dstack([quadrants(), np.full((32, 48), 7, np.uint8)])
    np.testing.assert_array_equal(decode_image(encoded(pixels, "PNG"), "a.png"), quadrants())


def test_what_only_pillow_decodes_is_decoded() -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(quadrants()).convert("CMYK").save(buffer, "TIFF")
    assert decode_image(buffer.getvalue(), "a.tif").shape == (32, 48, 3)


def test_pixels_without_an_8_bit_form_are_refused() -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.zeros((4, 4), np.float32)).save(buffer, "TIFF")
    with pytest.raises(DataError, match=r"a\.tif: .*no defined 8-bit form"):
        decode_image(buffer.getvalue(), "a.tif")


@pytest.mark.parametrize("function", [read_image, check_image])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
def test_truncated_files_are_refused(
    tmp_path: Path, kind: str, share: float, function: Callable[[Path], Any]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    data = encoded(noise, kind)
    file = tmp_path / f"cut.{kind.lower()}"
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"cut\.\w+: (the image|this is no image)") as caught:
        function(file)
    assert "\n" not in str(caught.value)


def test_bytes_behind_the_end_of_a_jpeg_do_no_harm() -> None:
    data = encoded(quadrants(), "JPEG") + b"maker's notes" * 20
    assert decode_image(data, "a.jpg").shape == (32, 48, 3)


@pytest.mark.parametrize("function", [read_image, image_size, check_image])
def test_unreadable_files_say_why(tmp_path: Path, function: Callable[[Path], Any]) -> None:
    empty, text = tmp_path / "empty.jpg", tmp_path / "text.jpg"
    empty.touch()
    text.write_text("no picture at all", encoding="utf-8")
    for file, reason in (
        (tmp_path / "gone.jpg", "gone.jpg: there is no such image file"),
        (empty, r"empty.jpg: the image file is empty \(0 bytes\)"),
        (text, "text.jpg: this is no image file of a known kind"),
        (tmp_path, "this is a folder"),
    ):
        with pytest.raises(DataError, match=reason):
            function(file)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_check_gives_the_upright_size_and_tells_equal_files(tmp_path: Path, kind: str) -> None:
    checked = []
    for name, pixels in (("a", quadrants()), ("b", quadrants()), ("c", quadrants() // 2)):
        (tmp_path / name).write_bytes(encoded(pixels, kind, orientation=6))
        checked.append(check_image(tmp_path / name))
    assert {(one.width, one.height) for one in checked} == {(32, 48)}
    assert checked[0].digest == checked[1].digest != checked[2].digest


def test_images_are_listed_in_natural_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/f10.png", "b/f2.PNG", "a.jpg", ".hidden.png", ".git/x.png", "notes.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert list_images(tmp_path) == ["a.jpg", "b/f2.PNG", "b/f10.png"]


def test_natural_key_compares_numbers_as_numbers_and_never_fails() -> None:
    names = ["10", "a", "2", "a10b", "a9b", "A2", "", "²"]
    assert sorted(names, key=natural_key) == ["", "2", "10", "a", "A2", "a9b", "a10b", "²"]


def test_copy_keeps_the_bytes_where_the_kind_is_the_same(tmp_path: Path) -> None:
    source = tmp_path / "a.JPEG"
    source.write_bytes(encoded(quadrants(), "JPEG", orientation=6))
    assert copy_image(source, tmp_path / "new" / "b.jpg") is False
    assert (tmp_path / "new" / "b.jpg").read_bytes() == source.read_bytes()


def test_copy_encodes_again_where_the_kind_differs_and_keeps_upright(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(encoded(quadrants(), "PNG", orientation=6))
    assert copy_image(source, tmp_path / "b.jpg") is True
    assert (tmp_path / "b.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert image_size(tmp_path / "b.jpg") == (32, 48)
    difference = read_image(tmp_path / "b.jpg").astype(int) - read_image(source)
    assert np.abs(difference).mean() < 8


def test_copy_of_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such image file"):
        copy_image(tmp_path / "a.png", tmp_path / "b.png")


def test_sizes_are_looked_up_where_unknown_only(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(quadrants(20, 34), "PNG"))
    images = [
        Image("a.png"),
        Image("known.png", width=5, height=4),
        Image("gone.png"),
        Image("film.mp4", frame=3),
    ]
    dataset, problems = with_sizes(Dataset(None, images, root=tmp_path))
    assert [(i.width, i.height) for i in dataset] == [(34, 20), (5, 4), (None, None), (None, None)]
    assert len(problems) == 1
    assert "gone.png: there is no such image file" in problems[0]


def test_a_known_size_is_taken_and_another_looked_up(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(quadrants(20, 34), "PNG"))
    dataset = Dataset(None, [Image("a.png"), Image("a.png", width=5, height=4)], root=tmp_path)
    assert [upright_size(dataset, image) for image in dataset] == [(34, 20), (5, 4)]


def test_real_photographs_decode(data: Path) -> None:
    for name in ("lsp/images/im00001.jpg", "coco_style/horse10/0244.png"):
        pixels = read_image(data / name)
        assert pixels.shape[1::-1] == image_size(data / name)
        assert pixels.std() > 10
