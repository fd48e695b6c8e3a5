"""The server's addresses, and who is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from pointillist.web.app import create_app
from pointillist.web.security import Guard, is_loopback
from pointillist.web.session import Session

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def client(session: Session) -> TestClient:
    with TestClient(Guard(create_app(session)), base_url=HERE) as opened:
        yield opened


@pytest.fixture
def guarded(session: Session) -> TestClient:
    with TestClient(Guard(create_app(session), "secret"), base_url=HERE) as opened:
        yield opened


def test_the_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    static = Path(__file__).parents[2] / "src" / "pointillist" / "web" / "static"
    files = [file for file in static.iterdir() if file.suffix in (".html", ".js", ".css")]
    assert len(files) > 10
    for file in files:
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, file
        assert "https://" not in text, file
        assert client.get(f"/static/{file.name}").status_code == 200


def test_label_and_read_back(client: TestClient, body: Callable[..., dict]) -> None:
    shown = client.get("/api/images/2").json()
    assert (shown["width"], shown["height"], shown["instances"]) == (60, 40, [])
    saved = client.put("/api/images/2", json=body(shown["revision"])).json()
    assert "some" in saved["row"]
    again = client.get("/api/images/2").json()
    assert again["revision"] == saved["revision"] != shown["revision"]
    assert again["instances"][0]["points"] == [[10.0, 20.0, 2], None, None]


def test_a_stale_save_gets_409_with_the_present_state(
    client: TestClient, body: Callable[..., dict]
) -> None:
    base = client.get("/api/images/1").json()["revision"]
    first = client.put("/api/images/1", json=body(base)).json()
    answer = client.put("/api/images/1", json=body(base, x=30.0))
    assert answer.status_code == 409
    assert answer.json()["current"]["revision"] == first["revision"]
    assert answer.json()["current"]["instances"][0]["points"][0][0] == 10.0


def test_the_list_and_what_changed(client: TestClient, body: Callable[..., dict]) -> None:
    listed = client.get("/api/images").json()
    column = listed["columns"].index("status")
    assert [row[0] for row in listed["rows"]] == [1, 2, 3, 4, 5]
    base = client.get("/api/images/4").json()["revision"]
    client.put("/api/images/4", json=body(base))
    changes = client.get(f"/api/changes?since={listed['sequence']}").json()
    assert [(row[0], row[column]) for row in changes["rows"]] == [(4, "some")]
    assert client.get(f"/api/changes?since={changes['sequence']}").json()["rows"] == []


def test_pictures(client: TestClient, photos: Path) -> None:
    sent = client.get("/api/images/3/picture")
    assert sent.content == (photos / "photo3.png").read_bytes()
    decoded = client.get("/api/images/3/picture?decoded=1").content
    pixels = cv2.imdecode(np.frombuffer(decoded, np.uint8), cv2.IMREAD_COLOR)
    assert pixels.shape == (40, 60, 3)
    assert (pixels == 120).all()


def test_thumbnails_are_small_kept_and_made_anew_for_a_new_file(
    client: TestClient, session: Session, photos: Path
) -> None:
    cv2.imwrite(str(photos / "photo1.png"), np.full((900, 1600, 3), 10, np.uint8))
    thumbnail = client.get("/api/images/1/thumbnail").content
    small = cv2.imdecode(np.frombuffer(thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (180, 320, 3)
    kept = list((session.folder / ".thumbnails").rglob("*.jpg"))
    assert [file.read_bytes() for file in kept] == [thumbnail]
    cv2.imwrite(str(photos / "photo1.png"), np.full((900, 1600, 3), 250, np.uint8))
    assert client.get("/api/images/1/thumbnail").content != thumbnail


def test_a_broken_picture_says_why(client: TestClient, photos: Path) -> None:
    (photos / "photo1.png").write_bytes(b"this is no picture")
    (photos / "photo2.png").unlink()
    assert "no image file of a known kind" in client.get("/api/images/1").json()["problem"]
    for number in (1, 2):
        answer = client.get(f"/api/images/{number}/thumbnail")
        assert answer.status_code == 422
        assert f"photo{number}.png" in answer.json()["detail"]


def test_overlays(client: TestClient, body: Callable[..., dict]) -> None:
    base = client.get("/api/images/1").json()["revision"]
    client.put("/api/images/1", json=body(base))
    overlay = client.get("/api/overlays?ids=1,3,x").json()
    assert [(o["id"], o["width"], o["labels"]) for o in overlay] == [
        (1, 60, [[[10.0, 20.0, 2], None, None]]),
        (3, 60, []),
    ]


@pytest.mark.parametrize(
    "instance",
    [
        {"points": [[1, 2, 2]]},
        {"points": [[1, 2, 9], None, None]},
        {"points": [["x", 2, 2], None, None]},
        {"points": [None, None, None], "unknown": 1},
        {"points": [None, None, None], "extra": {"path": "x"}},
    ],
)
def test_nonsense_is_refused(client: TestClient, instance: dict) -> None:
    base = client.get("/api/images/1").json()["revision"]
    body = {"base": base, "author": "t", "instances": [instance]}
    assert client.put("/api/images/1", json=body).status_code == 422
    assert client.get("/api/images/1").json()["instances"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/api/images/..%2f..%2fannotations.json/picture",
        "/api/images/%2Fetc%2Fpasswd/picture",
        "/api/images/999/picture",
        "/api/images/-1/picture",
        "/api/training/..%2f..%2fphotos/curves",
        "/annotations.json",
        "/docs",
        "/openapi.json",
    ],
)
def test_no_way_leads_out(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert b"import" not in answer.content
    assert b"root:" not in answer.content


def test_without_or_with_a_wrong_token_nothing_is_shown(guarded: TestClient) -> None:
    for path in ("/", "/api/project", "/api/images/1/picture", "/static/main.js", "/nothing"):
        assert guarded.get(path).status_code == 401
        assert guarded.get(path, headers={"authorization": "Bearer wrong"}).status_code == 401
    assert guarded.get("/?token=wrong").status_code == 401
    assert guarded.get("/api/project?token=secret").status_code == 401
    # A person reads a sentence, a program reads JSON.
    page = guarded.get("/?token=wrong", headers={"Accept": "text/html,*/*"})
    assert page.status_code == 401
    assert page.text == "pointillist: This is not the token that the server printed."
    assert guarded.put("/api/images/1", json={}).status_code == 401


def test_the_token_becomes_a_cookie_and_leaves_the_address(guarded: TestClient) -> None:
    answer = guarded.get("/?token=secret", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guarded.get("/api/project").json()["started"]


def test_the_token_as_a_header(guarded: TestClient) -> None:
    shown = guarded.get("/api/project", headers={"authorization": "Bearer secret"})
    assert shown.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""]
)
def test_other_host_names_are_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/project", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "192.168.1.5:80"])
def test_names_that_cannot_be_pointed_elsewhere_are_fine(client: TestClient, host: str) -> None:
    assert client.get("/api/project", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"origin": HERE, "sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_other_pages_cannot_change_anything(client: TestClient, headers: dict, status: int) -> None:
    base = client.get("/api/images/1").json()["revision"]
    content = f'{{"base": "{base}", "author": "t", "instances": []}}'
    headers = {"content-type": "application/json", **headers}
    assert client.put("/api/images/1", content=content, headers=headers).status_code == status


def test_other_pages_cannot_embed_pictures(client: TestClient) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert client.get("/api/images/1/picture", headers=headers).status_code == 403
    # A link from elsewhere to the page itself is harmless.
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 200
    plain = client.get("/api/images/1/picture")
    assert plain.headers["cross-origin-resource-policy"] == "same-origin"


def test_a_huge_change_is_refused_unread(client: TestClient) -> None:
    answer = client.put(
        "/api/images/1",
        content=b"{}",
        headers={"content-type": "application/json", "content-length": str(10**9)},
    )
    assert answer.status_code == 413


def test_loopback() -> None:
    assert all(
        is_loopback(host) for host in ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost")
    )
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.org", ""))


def test_the_first_start_asks_for_keypoints(photos: Path, tmp_path: Path) -> None:
    session = Session(tmp_path / "new", photos)
    with TestClient(Guard(create_app(session)), base_url=HERE) as client:
        asked = client.get("/api/project").json()
        assert (asked["started"], asked["images"]) == (False, 5)
        assert client.get("/api/images").status_code == 404
        pairs = client.post("/api/pairs", json={"keypoints": ["nose", "ear_L", "ear_R"]}).json()
        assert pairs == [[1, 2]]
        wrong = {"name": "fox", "keypoints": ["nose", "nose"], "edges": []}
        assert "named twice" in client.post("/api/project", json=wrong).json()["detail"]
        wrong = {"name": "fox", "keypoints": ["nose"], "edges": [["nose", "tial"]]}
        assert "tial" in client.post("/api/project", json=wrong).json()["detail"]
        right = {
            "name": "fox",
            "keypoints": [" nose", "ear_L", "ear_R", ""],
            "edges": [["nose", "ear_L"]],
        }
        made = client.post("/api/project", json=right).json()
        assert made["skeleton"] == {
            "name": "fox",
            "keypoints": ["nose", "ear_L", "ear_R"],
            "edges": [[0, 1]],
            "flip_pairs": [[1, 2]],
        }
        assert client.post("/api/project", json=right).status_code == 422
        assert len(client.get("/api/images").json()["rows"]) == 5
    session.close()
