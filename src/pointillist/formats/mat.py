"""MATLAB files: loaded with one clear error for everything that can be wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pointillist.errors import DataError

#: From MATLAB's pixels, where the centre of the top-left pixel is (1, 1), to (0.5, 0.5).
MATLAB_SHIFT = -0.5


def read_mat(path: Path, variable: str, **options: Any) -> Any:
    """One variable of a ``.mat`` file (MATLAB 4 to 7.2), as scipy.io.loadmat gives it.

    Raises:
        DataError: there is no such file, it is no such file, or it has no such variable.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=[variable], **options)
    except FileNotFoundError:
        raise DataError("there is no such file", where=path) from None
    except NotImplementedError:
        raise DataError(
            "this MATLAB file is of version 7.3 (HDF5)",
            where=path,
            do="Save it from MATLAB with '-v7'.",
        ) from None
    except Exception as error:
        # A broken file makes scipy raise whatever its bytes lead to.
        reason = str(error) or type(error).__name__
        raise DataError(f"this MATLAB file cannot be read: {reason}", where=path) from None
    if variable not in content:
        raise DataError(f"there is no variable '{variable}' in this MATLAB file", where=path)
    return content[variable]
