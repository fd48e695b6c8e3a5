"""The page for labelling, reviewing and training: ``pointillist label``.

The server is FastAPI and uvicorn (``pip install "pointillist[label]"``), the page is plain
JavaScript without a build step, and nothing of it is fetched from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pointillist.errors import PointillistError


def serve(
    project: str | Path,
    *,
    images: str | Path | None = None,
    keypoints: Sequence[str] | None = None,
    run: str | Path | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    open_browser: bool = True,
) -> None:
    """Serves a labelling project until Ctrl-C; see :func:`pointillist.web.server.serve`.

    Raises:
        PointillistError: FastAPI is not installed, or the project cannot be opened or served.
    """
    try:
        from pointillist.web import server
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "uvicorn", "starlette"):
            raise
        raise PointillistError(
            f"the labelling page needs {error.name}, which is not installed",
            do='Run: pip install "pointillist[label]"',
        ) from None
    server.serve(
        project,
        images=images,
        keypoints=keypoints,
        run=run,
        host=host,
        port=port,
        token=token,
        open_browser=open_browser,
    )
