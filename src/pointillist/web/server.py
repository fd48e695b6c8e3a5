"""``pointillist label``: opens a project and serves its page until Ctrl-C."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from pointillist.errors import PointillistError
from pointillist.web.app import create_app
from pointillist.web.security import Guard, is_loopback
from pointillist.web.session import Session


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
    """Serves the page until Ctrl-C; returns when everything is saved and folded.

    Args:
        project: the project's folder. A new one starts from the images in it, or from ``images``.
        images: folder of images and videos, one video, or any data set, to take into the project.
        keypoints: names of the keypoints of a new project; none: the data set's, or the page asks.
        run: a trained run to predict all images with at the start; a new project gets its
            keypoints.
        host: address to listen at; other machines can reach anything but a loopback address.
        port: 0 takes a free one.
        token: what a browser must show; none: none on a loopback address, elsewhere one is made.
        open_browser: open the page in the default browser.

    Raises:
        PointillistError: the project cannot be opened, or the address cannot be listened at.
    """
    session = Session(Path(project), None if images is None else Path(images), keypoints)
    try:
        if run is not None:
            # Loads the options of every network, and with them torch: seconds, and only here.
            from pointillist.run import Run

            skeleton = Run.open(run).skeleton
            if not session.started:
                session.create(skeleton)
            session.rounds.predict(Path(run))
        if token is None and not is_loopback(host):
            token = secrets.token_urlsafe(16)
        listener = _listen(host, port)
        address = _address(host, listener.getsockname()[1], token)
        session.lock.say(address)
        for problem in session.describe().get("problems", []):
            print(problem, file=sys.stderr)
        print(f"Label at {address}\nStop with Ctrl-C; every change is saved at once.", flush=True)
        if open_browser:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        config = uvicorn.Config(
            Guard(create_app(session), token),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=3,
            ws="none",
        )
        # A polite end (SIGTERM) is to do what Ctrl-C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        # uvicorn raises the signal again after its own shutdown; ours comes below.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        session.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        # Whoever reads the address below may call at once: the call waits until we answer.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PointillistError(
            f"cannot listen at {host}, port {port}: {error.strerror or error}",
            do="Choose another with --port, or 0 for a free one.",
        ) from None
    return listener


def _address(host: str, port: int, token: str | None) -> str:
    name = socket.gethostname() if host in ("0.0.0.0", "::", "") else host
    if ":" in name and not name.startswith("["):
        name = f"[{name}]"
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")
