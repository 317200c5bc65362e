"""Static files under URLs that never go stale, and compressed answers."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, request, url_for

SMALL = 1000  # bytes below which compressing is not worth it
_TYPES = ("text/", "application/json", "application/javascript", "image/svg+xml")


def init_app(app: Flask) -> None:
    """Give templates `static(path)`, and compress what goes out."""
    folder = Path(app.static_folder)

    @lru_cache(256)
    def digest(path: str) -> str:
        return hashlib.sha256((folder / path).read_bytes()).hexdigest()[:12]

    def static(path: str) -> str:
        """The URL of a static file; it changes when the file does."""
        return url_for("static", filename=path, h=digest(path))

    app.add_template_global(static)
    app.after_request(_cached)
    app.after_request(_compressed)


def _cached(response: Response) -> Response:
    if request.endpoint == "static" and "h" in request.args and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def _compressed(response: Response) -> Response:
    if not _worth_it(response):
        return response
    response.direct_passthrough = False
    body = response.get_data()
    if len(body) < SMALL:
        return response
    is_static = request.endpoint == "static"
    response.set_data(_gzip_once(body) if is_static else gzip.compress(body, 1, mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    response.headers.add("Vary", "Accept-Encoding")
    return response


@lru_cache(64)
def _gzip_once(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


def _worth_it(response: Response) -> bool:
    return (
        response.status_code == 200
        and "gzip" in request.headers.get("Accept-Encoding", "")
        and "Content-Encoding" not in response.headers
        and (response.mimetype or "").startswith(_TYPES)
        and (request.endpoint == "static" or not response.is_streamed)  # a log of 2 GB stays as it is
    )
