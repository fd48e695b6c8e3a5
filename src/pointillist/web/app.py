"""The server's addresses. Images are named by number only: no path comes from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from pointillist.errors import PointillistError
from pointillist.skeleton import find_flip_pairs
from pointillist.web.pictures import picture, size_of, thumbnail
from pointillist.web.project import ConflictError
from pointillist.web.records import InstanceRecord
from pointillist.web.results import results_of
from pointillist.web.session import Session
from pointillist.web.start import make_skeleton

STATIC = Path(__file__).parent / "static"

#: Most images whose overlays are asked for at once.
MOST_OVERLAYS = 400


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewProject(_Body):
    """The first-start form."""

    name: str = Field(max_length=100)
    keypoints: list[Annotated[str, Field(max_length=100)]] = Field(max_length=500)
    edges: list[tuple[str, str]] = Field(max_length=5000)


class Names(_Body):
    """Keypoint names whose left-right pairs are asked for."""

    keypoints: list[Annotated[str, Field(max_length=100)]] = Field(max_length=500)


class Save(_Body):
    """A new state of an image."""

    base: str
    author: str = Field(max_length=64)
    instances: list[InstanceRecord] = Field(max_length=2000)


class Training(_Body):
    """A new round."""

    minutes: float | None = Field(None, gt=0, le=100_000, allow_inf_nan=False)


class Nothing(_Body):
    """A request that needs no more than its address."""


def create_app(session: Session) -> FastAPI:
    """The application of one session; :class:`pointillist.web.security.Guard` goes around it."""
    # Thumbnails have two threads of their own: a gallery that scrolls must not keep an image
    # that somebody opens waiting.
    small = ThreadPoolExecutor(2, thread_name_prefix="thumbnail")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        small.shutdown(wait=False, cancel_futures=True)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _add_errors(app)
    _add_project(app, session)
    _add_images(app, session, small)
    _add_jobs(app, session)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(PointillistError)
    def say_why(_: Request, error: PointillistError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)

    @app.exception_handler(LookupError)
    def say_not_there(_: Request, error: LookupError) -> JSONResponse:
        return JSONResponse({"detail": f"There is no such thing: {error}"}, 404)

    @app.exception_handler(ConflictError)
    def say_conflict(_: Request, error: ConflictError) -> JSONResponse:
        return JSONResponse({"detail": str(error), "current": error.current}, 409)


def _add_project(app: FastAPI, session: Session) -> None:
    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    @app.get("/api/project")
    def describe() -> dict[str, Any]:
        return session.describe()

    @app.post("/api/project")
    def create(body: NewProject) -> dict[str, Any]:
        session.create(make_skeleton(body.keypoints, body.edges, body.name))
        return session.describe()

    @app.post("/api/pairs")
    def pairs(body: Names) -> list[tuple[int, int]]:
        return list(find_flip_pairs(body.keypoints))

    @app.get("/api/images")
    def overview() -> JSONResponse:
        return JSONResponse(session.overview())

    @app.get("/api/changes")
    def changes(since: int = 0) -> JSONResponse:
        return JSONResponse(session.changes(since))


def _add_images(app: FastAPI, session: Session, small: ThreadPoolExecutor) -> None:
    @app.get("/api/images/{number}")
    def show(number: int) -> JSONResponse:
        return JSONResponse(_show(session, number))

    @app.put("/api/images/{number}")
    def save(number: int, body: Save) -> JSONResponse:
        state = session.project.save(number, body.base, body.instances, body.author)
        return JSONResponse({**state, "row": session.fresh_row(number)})

    @app.get("/api/images/{number}/picture")
    def send_picture(number: int, decoded: bool = False) -> Response:
        project = session.project
        data, media = picture(project.dataset, project.image(number), decoded=decoded)
        return Response(data, media_type=media, headers={"cache-control": "private, max-age=600"})

    @app.get("/api/images/{number}/thumbnail")
    async def send_thumbnail(number: int) -> Response:
        project = session.project
        image = project.image(number)
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(small, thumbnail, project.dataset, image, project.folder)
        headers = {"cache-control": "private, max-age=86400"}
        return Response(data, media_type="image/jpeg", headers=headers)

    @app.get("/api/overlays")
    def overlays(ids: Annotated[str, Query(max_length=10_000)]) -> JSONResponse:
        numbers = [int(text) for text in ids.split(",") if text.isdigit()][:MOST_OVERLAYS]
        return JSONResponse([_overlay(session, number) for number in numbers])


def _show(session: Session, number: int) -> dict[str, Any]:
    project = session.project
    image = project.image(number)
    size: tuple[int, int] | tuple[None, None] = (None, None)
    problem = None
    try:
        size = size_of(project.dataset, image)
    except PointillistError as error:
        problem = str(error)
    rank, why = session.predictions.suggested.get(number, (None, ""))
    return {
        "id": number,
        "name": image.path if image.frame is None else f"{image.path} #{image.frame}",
        "width": size[0],
        "height": size[1],
        "problem": problem,
        "predictions": session.predictions.records(number, image.instances),
        "rank": rank,
        "why": why,
        **project.state(number),
    }


def _overlay(session: Session, number: int) -> dict[str, Any]:
    shown = _show(session, number)
    return {
        "id": number,
        "width": shown["width"],
        "height": shown["height"],
        "labels": [instance["points"] for instance in shown["instances"]],
        "predictions": [instance["points"] for instance in shown["predictions"]],
    }


def _add_jobs(app: FastAPI, session: Session) -> None:
    @app.post("/api/training/start")
    def start(body: Training) -> dict[str, Any]:
        session.rounds.start(body.minutes)
        return session.rounds.status()

    @app.post("/api/training/stop")
    def stop(_: Nothing) -> dict[str, Any]:
        session.rounds.stop()
        return session.rounds.status()

    @app.post("/api/training/resume")
    def resume(_: Nothing) -> dict[str, Any]:
        session.rounds.resume()
        return session.rounds.status()

    @app.get("/api/training/{name}/curves")
    def curves(name: str) -> JSONResponse:
        return JSONResponse(session.rounds.curves(name))

    @app.get("/api/results")
    def results() -> JSONResponse:
        return JSONResponse(results_of(session))
