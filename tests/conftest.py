"""Where the real data lies: ``POINTILLIST_DATA`` and ``POINTILLIST_WEIGHTS``.

Unset: tests that need them are skipped and say so. Set but missing: they fail.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: it names the folder of real data that this test needs")
    folder = Path(value)
    assert folder.is_dir(), f"{variable} is set to {folder}, which is not a folder"
    return folder


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data sets."""
    return _folder("POINTILLIST_DATA")


@pytest.fixture(scope="session")
def weights() -> Path:
    """The folder of ImageNet backbones."""
    return _folder("POINTILLIST_WEIGHTS")
