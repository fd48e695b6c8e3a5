"""Pictures for the page: the file itself where a browser can show it, and thumbnails."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from pointillist.dataset import Dataset, Image
from pointillist.errors import DataError
from pointillist.files import whole_file
from pointillist.images import image_size, read_image
from pointillist.video_frames import read_frame

#: What browsers show as it is, turned upright by its EXIF data as :mod:`pointillist.images` does.
BROWSER_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}

#: Longest side of a thumbnail in pixels.
THUMBNAIL = 320

CACHE = ".thumbnails"


def size_of(dataset: Dataset, image: Image) -> tuple[int, int]:
    """Width and height in pixels, looked up once.

    Raises:
        DataError: the file is not there or is no image.
    """
    if image.width is None or image.height is None:
        if image.frame is None:
            image.width, image.height = image_size(dataset.file(image))
        else:
            image.height, image.width = pixels_of(dataset, image).shape[:2]
    return image.width, image.height


def pixels_of(dataset: Dataset, image: Image) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an image or of a video's frame.

    Raises:
        DataError: the file is not there or cannot be decoded.
    """
    file = dataset.file(image)
    return read_image(file) if image.frame is None else read_frame(file, image.frame)


def picture(dataset: Dataset, image: Image, *, decoded: bool = False) -> tuple[bytes, str]:
    """What to send to a browser: bytes and media type.

    Args:
        decoded: decode it here in any case (the page asks for that where the browser shows
            another size than the data set has).
    """
    file = dataset.file(image)
    media = BROWSER_TYPES.get(file.suffix.lower())
    if media is not None and image.frame is None and not decoded:
        try:
            return file.read_bytes(), media
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", where=file) from None
    # A frame was compressed before, and is wanted quickly; a still keeps every grey level.
    suffix = ".png" if image.frame is None else ".jpg"
    return _encode(pixels_of(dataset, image), suffix, 95), BROWSER_TYPES[suffix]


def thumbnail(dataset: Dataset, image: Image, folder: Path) -> bytes:
    """A small JPEG of an image, kept in ``folder`` for the next time.

    Args:
        folder: the project's folder.
    """
    import cv2

    file = dataset.file(image)
    try:
        stamp = file.stat().st_mtime_ns
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=file) from None
    name = hashlib.sha256(f"{file}|{image.frame}|{stamp}|{THUMBNAIL}".encode()).hexdigest()
    cached = folder / CACHE / name[:2] / f"{name[2:32]}.jpg"
    try:
        return cached.read_bytes()
    except OSError:
        pass
    pixels = pixels_of(dataset, image)
    share = THUMBNAIL / max(pixels.shape[:2])
    if share < 1:
        pixels = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    data = _encode(pixels, ".jpg", 80)
    with whole_file(cached) as temporary:
        temporary.write_bytes(data)
    return data


def _encode(pixels: np.ndarray, suffix: str, quality: int) -> bytes:
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else []
    done, data = cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise DataError(f"the picture could not be encoded as {suffix}")
    return bytes(data.tobytes())
