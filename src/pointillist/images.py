"""Image files: list them, look up their size, decode them.

Every function here agrees on what an image's pixels are: 8-bit RGB, turned upright as the file's
EXIF orientation says. So a size looked up in the header is the size of the decoded array.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.files import whole_file

#: Suffixes (lower case) of the files that are taken for images.
IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)

#: Quality of JPEG files that are written because a layout dictates the suffix.
JPEG_QUALITY = 95

_JPEG, _PNG, _TIFF = b"\xff\xd8\xff", b"\x89PNG", (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_EXIF_MARKS = {_JPEG: b"Exif\x00", _PNG: b"eXIf", b"RIFF": b"EXIF"}
_ORIENTATION_TAG = 0x0112


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """A sort key that puts ``frame2`` before ``frame10``."""
    parts = re.split(r"(\d+)", text.lower())
    return tuple((0, int(part)) if part.isdecimal() else (1, part) for part in parts if part)


def list_images(folder: str | Path) -> list[str]:
    """The image files below a folder, in natural order.

    Hidden files and folders (a name that starts with a dot) are passed over.

    Returns:
        paths relative to ``folder``, with ``/`` between folders.
    """
    found = []
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        prefix = Path(where).relative_to(folder).as_posix()
        prefix = "" if prefix == "." else prefix + "/"
        found += [
            prefix + name
            for name in files
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 (ten times faster than Path)
        ]
    return sorted(found, key=natural_key)


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height of an image in pixels, upright, from the file's header alone.

    Raises:
        DataError: there is no such file, it is empty or no image.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _size_in_header(file)
    except Exception as error:
        raise DataError(_why_unreadable(path, error), where=path) from None


@dataclass(frozen=True)
class CheckedImage:
    """An image file that can be decoded.

    Args:
        width, height: in pixels, upright.
        digest: of the file's bytes; equal for equal files.
    """

    width: int
    height: int
    digest: bytes


def check_image(path: str | Path) -> CheckedImage:
    """Decodes an image file to see whether it can be; a JPEG at an eighth of its size.

    That reads the whole file as a full decoding does, in a quarter of the time.

    Raises:
        DataError: there is no such file, it is empty, truncated, or no image.
    """
    import cv2

    path = Path(path)
    try:
        data = path.read_bytes()
        width, height = _size_in_header(io.BytesIO(data))
    except Exception as error:
        raise DataError(_why_unreadable(path, error), where=path) from None
    if data.startswith(_JPEG) and _looks_complete(data):
        _quieten(cv2)
        small = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
        if small is None:
            decode_image(data, path)
    else:
        decode_image(data, path)
    return CheckedImage(width, height, hashlib.blake2b(data, digest_size=16).digest())


def read_image(path: str | Path) -> np.ndarray:
    """Decodes an image file.

    Returns:
        (H, W, 3) uint8, RGB, upright. Greyscale is repeated over the channels, 16-bit values are
        divided by 256, an alpha channel is dropped; of an animation the first frame is taken.

    Raises:
        DataError: there is no such file, it is empty, truncated, or no image.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(_why_unreadable(path, error), where=path) from None
    return decode_image(data, path)


def decode_image(data: bytes, where: str | Path) -> np.ndarray:
    """Decodes the bytes of an image file; see :func:`read_image`. ``where`` names it in errors."""
    import cv2

    if not data:
        raise DataError("the image file is empty (0 bytes)", where=where)
    _quieten(cv2)
    pixels = None
    try:
        if not _looks_complete(data):
            _load_with_pillow(data)
        pixels = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        )
        if pixels is None:
            return _load_with_pillow(data)
    except Exception as error:
        raise DataError(_why_unreadable(where, error), where=where) from None
    rgb = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    mark = next((mark for start, mark in _EXIF_MARKS.items() if data.startswith(start)), None)
    if mark is not None and mark in data:
        import PIL.Image

        with PIL.Image.open(io.BytesIO(data)) as image:
            rgb = _upright(rgb, _exif_orientation(image))
    # OpenCV has already turned a TIFF upright: its decoder does so whatever the flag says.
    return rgb


def copy_image(source: str | Path, target: str | Path) -> bool:
    """Copies an image file; re-encodes it only where the two suffixes name different kinds.

    Returns:
        whether it was re-encoded (JPEG at quality 95).
    """
    source, target = Path(source), Path(target)
    if not source.is_file():
        raise DataError(_why_unreadable(source, None), where=source)
    target.parent.mkdir(parents=True, exist_ok=True)
    if _kind(source) == _kind(target):
        # A rebuilt data set is complete when its annotation file is there, which comes last; so
        # the images need no flush to disk one by one.
        shutil.copyfile(source, target)
        return False
    import cv2

    pixels = cv2.cvtColor(read_image(source), cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(target.suffix, pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise DataError(f"cannot write images of kind '{target.suffix}'", where=target)
    with whole_file(target) as temporary:
        temporary.write_bytes(data.tobytes())
    return True


def with_sizes(dataset: Dataset, workers: int = 8) -> tuple[Dataset, list[str]]:
    """The data set with every image's width and height, looked up where they were not known.

    Video frames are passed over: their size is not in an image header.

    Returns:
        the data set, and one line for each file whose size cannot be had.
    """
    unknown = [
        i
        for i, image in enumerate(dataset)
        if image.frame is None and (image.width is None or image.height is None)
    ]
    images = list(dataset.images)
    problems = []
    files = [dataset.file(images[i]) for i in unknown]
    with ThreadPoolExecutor(workers) as pool:
        sizes = list(pool.map(_size_or_error, files))
    for i, size in zip(unknown, sizes, strict=True):
        if isinstance(size, DataError):
            problems.append(str(size))
        else:
            images[i] = replace(images[i], width=size[0], height=size[1])
    return replace(dataset, images=images), problems


def upright_size(dataset: Dataset, image: Image) -> tuple[int, int]:
    """Width and height of one image of a data set: the known ones, or those in its file."""
    if image.width is not None and image.height is not None:
        return image.width, image.height
    return image_size(dataset.file(image))


def _size_in_header(file: BinaryIO) -> tuple[int, int]:
    import PIL.Image

    with PIL.Image.open(file) as image:
        if image.format == "TIFF":
            # Pillow's own size of a TIFF is upright or not, depending on its version.
            tags: Any = image.tag_v2
            width, height = int(tags[256]), int(tags[257])
            orientation = int(tags.get(_ORIENTATION_TAG, 1))
        else:
            width, height = image.size
            orientation = _exif_orientation(image)
    return (height, width) if 5 <= orientation <= 8 else (width, height)


def _size_or_error(path: Path) -> tuple[int, int] | DataError:
    try:
        return image_size(path)
    except DataError as error:
        return error


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return {".jpeg": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)


def _looks_complete(data: bytes) -> bool:
    """Whether a JPEG or PNG has its end mark; OpenCV reads such a truncated file without a word."""
    if data.startswith(_JPEG):
        return data[-64:].rstrip(b"\x00\r\n ").endswith(b"\xff\xd9")
    if data.startswith(_PNG):
        return b"IEND" in data[-64:]
    return True


def _load_with_pillow(data: bytes) -> np.ndarray:
    """Decodes what OpenCV cannot, and raises with a reason where there is nothing to decode."""
    import PIL.Image
    import PIL.ImageOps

    with PIL.Image.open(io.BytesIO(data)) as image:
        image.load()
        if image.mode in ("I", "F") or image.mode.startswith("I;"):
            raise ValueError(f"pixels of type '{image.mode}' have no defined 8-bit form")
        return np.array(PIL.ImageOps.exif_transpose(image).convert("RGB"))


def _exif_orientation(image: Any) -> int:
    """The EXIF orientation (1 to 8) that a Pillow image has in its header; 1 if none.

    ``Image.getexif`` would decode a PNG to look for tags behind its pixels.
    """
    import PIL.Image

    raw = image.info.get("exif")
    if not raw:
        return 1
    tags = PIL.Image.Exif()
    try:
        tags.load(raw)
        return int(tags.get(_ORIENTATION_TAG, 1))
    except Exception:
        # Broken tags are no reason to refuse the picture: it is taken as it lies in the file.
        return 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, 3) pixels as they lie in the file -> as they are to be seen (EXIF 2.3, tag 274)."""
    if 5 <= orientation <= 8:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _quieten(cv2: Any) -> None:
    """A broken file is reported once, by us; OpenCV's own lines would go to the terminal too."""
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # OpenCV 4 has it in one place, OpenCV 5 in another.
        where = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
        where.setLogLevel(0)


def _why_unreadable(path: str | Path, error: Exception | None) -> str:
    """One reason in plain words."""
    path = Path(path)
    if path.is_dir():
        return "this is a folder where an image file was expected"
    if isinstance(error, FileNotFoundError) or (error is None and not path.exists()):
        return "there is no such image file"
    if isinstance(error, PermissionError):
        return "there is no permission to read this image file"
    if path.is_file() and path.stat().st_size == 0:
        return "the image file is empty (0 bytes)"
    text = " ".join(str(error).split())
    if "truncated" in text or "broken data stream" in text:
        return "the image file is truncated"
    if type(error).__name__ == "UnidentifiedImageError":
        return "this is no image file of a known kind"
    return f"the image cannot be decoded ({text})"
