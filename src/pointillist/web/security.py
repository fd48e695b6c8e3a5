"""Who may talk to the server: checks that come before every request.

The server has no users and no passwords. It is safe because of where it listens (this machine
only) and because a web page from elsewhere cannot talk to it: not through a domain name that
suddenly points here (Host), not by a form or script of its own (Origin, Content-Type), not by
embedding a picture (Sec-Fetch-Site). Listening to other machines needs a token on top.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}

#: Requests larger than this are refused unread: an image with 1,000 instances has far less.
LARGEST = 8 * 1024 * 1024


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware: refuses what a stranger could send, and puts the headers on answers.

    Args:
        app: what comes behind.
        token: what a client must show (cookie, ``Authorization: Bearer``, or once as
            ``/?token=``); none: nothing.
    """

    def __init__(self, app: App, token: str | None = None) -> None:
        self._app = app
        self._token = token
        self._names = {"localhost", socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.encode(), value.encode())
                        for name, value in HEADERS.items()
                        if name.encode() not in present
                    ),
                ]
            await send(message)

        answer = self._refusal(scope)
        if isinstance(answer, JSONResponse) and "text/html" in Headers(scope=scope).get(
            "accept", ""
        ):
            # A person is to read this one.
            reason = json.loads(bytes(answer.body))["detail"]
            answer = PlainTextResponse(f"pointillist: {reason}", answer.status_code)
        await (answer or self._app)(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._knows(host):
            return _refuse(403, f"This server does not answer for '{host}'.")
        site = headers.get("sec-fetch-site", "none")
        navigating = headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
        if site not in ("same-origin", "none") and not navigating:
            return _refuse(403, "Another web page may not use this server.")
        if self._token is not None:
            answer = self._ask_for_token(scope, headers)
            if answer is not None:
                return answer
        if scope["method"] not in ("GET", "HEAD"):
            return _check_change(headers, host)
        return None

    def _knows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower() in self._names
        return True

    def _ask_for_token(self, scope: Scope, headers: Headers) -> Response | None:
        cookie = f"pointillist-{(scope.get('server') or ('', 0))[1]}"
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and scope["method"] == "GET" and "token" in query:
            if not self._is_token(query["token"][0]):
                return _refuse(401, "This is not the token that the server printed.")
            rest = urlencode({k: v for k, v in query.items() if k != "token"}, doseq=True)
            # The token leaves the address bar and with it the browser's history.
            answer = RedirectResponse(f"/?{rest}" if rest else "/", 303)
            answer.set_cookie(cookie, query["token"][0], httponly=True, samesite="strict")
            return answer
        shown = headers.get("authorization", "").removeprefix("Bearer ")
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(cookie)
        except CookieError:
            morsel = None
        if self._is_token(shown) or (morsel is not None and self._is_token(morsel.value)):
            return None
        return _refuse(401, "Open the address with the token that the server printed.")

    def _is_token(self, shown: str) -> bool:
        return secrets.compare_digest(shown.encode(), (self._token or "").encode())


def _check_change(headers: Headers, host: str) -> Response | None:
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return _refuse(403, "Another web page may not change anything here.")
    if headers.get("content-type", "").split(";")[0].strip() != "application/json":
        return _refuse(415, "Changes are sent as application/json.")
    length = headers.get("content-length", "")
    if not length.isdigit():
        return _refuse(411, "A change must say its length.")
    if int(length) > LARGEST:
        return _refuse(413, "This is too large.")
    return None


def _refuse(status: int, reason: str) -> Response:
    return JSONResponse({"detail": reason}, status)
