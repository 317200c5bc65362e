"""The guards before each request and the headers after it, on every route: pages, API and static files alike."""

import ipaddress
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from flask import Flask, g, redirect, request
from werkzeug.wrappers import Response

from .core.errors import BadRequest, Denied, Invalid, Unauthorized
from .peer import NoAnswer, OwnerOf, socket_owner, tells
from .sessions import Sessions
from .settings import Settings

LOOPBACK_NAMES = {"localhost", "127.0.0.1", "[::1]"}
OPEN_PATHS = {"/login", "/static/app.css"}  # what may be seen without the token
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?", re.IGNORECASE | re.ASCII)

NOT_OURS = (
    "Only the user who started this server may use it, and this connection is not known to be theirs. "
    "Connect as that user, or start the server with --unix-socket PATH."
)
CANNOT_TELL = (
    "This system does not say which user is asking: set SRUNX_WEB_TOKEN before starting the server, "
    "or start it with --unix-socket PATH."
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # no-referrer would make the Origin of our own forms null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


@dataclass(frozen=True)
class Gate:
    """The way in: where the server listens, and what it asks of who comes."""

    host: str = "127.0.0.1"
    port: int = 8000
    unix_socket: Path | None = None
    token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    owner_of: OwnerOf = socket_owner


def gate(settings: Settings) -> Gate:
    """The way in that these settings ask for."""
    return Gate(settings.host, settings.port, settings.unix_socket, settings.token, settings.allowed_hosts)


def shown_host(host: str) -> str:
    """The address to listen on as it is written in a URL; this machine's name when it is all addresses."""
    address = _address(host)
    if not host or (address and address.is_unspecified):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def check_bind(gate: Gate) -> None:
    """Invalid, with a sentence to print at the start, when this way in would stand open to others."""
    if gate.unix_socket or gate.token:
        return
    if not _is_loopback(gate.host):
        raise Invalid(
            f"Listening on {gate.host or 'all addresses'} lets other machines in: set SRUNX_WEB_TOKEN first, "
            "or use --host 127.0.0.1 or --unix-socket PATH."
        )
    if not tells(gate.owner_of):
        raise Invalid(CANNOT_TELL)


def init_app(app: Flask, gate: Gate) -> None:
    """Guard every route of this app, unknown paths included; to be called before anything else is registered.

    The guards raise BadRequest, Unauthorized, Denied and Invalid; pages for these must show nothing of the
    cluster, so `g.admitted` says who has passed. The login page finds the sessions in app.extensions["sessions"].
    """
    sessions = app.extensions["sessions"] = Sessions(gate.token, f"srunx_{gate.port}")

    @app.before_request
    def guard() -> Response | None:
        _check_host(gate)
        _check_user(gate)
        if not _is_known(gate, sessions):
            return _send_to_login()
        _check_origin(gate)
        _check_body()
        g.admitted = request.path not in OPEN_PATHS
        return None

    @app.after_request
    def seal(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if response.status_code == Unauthorized.status:
            response.headers["WWW-Authenticate"] = "Bearer"
            if "HX-Request" in request.headers:  # an open page whose session is over
                response.headers["HX-Redirect"] = "/login"
        if response.status_code == Denied.status and (seconds := sessions.pause(request.remote_addr)):
            response.headers["Retry-After"] = str(seconds)
        return response


def host_name(header: str) -> str | None:
    """The name of a Host header in lower case, without its port; None when it is not a plain name or address."""
    match = HOST.fullmatch(header)
    return match[1].lower() if match else None


def _check_host(gate: Gate) -> None:
    """Refuse names that are not ours: a page of somebody else's could point its own name at us (DNS rebinding)."""
    name = host_name(request.headers.get("Host", ""))
    # Any port: behind ssh -L the browser asks for the tunnel's.
    if name not in LOOPBACK_NAMES and name not in {allowed.lower() for allowed in gate.allowed_hosts}:
        raise BadRequest("This server is not known by that host name: add it to SRUNX_WEB_ALLOWED_HOSTS.")


def _check_user(gate: Gate) -> None:
    """Refuse other users of this machine; any doubt refuses."""
    if gate.unix_socket:  # the file's permissions have decided
        return
    peer = _address(request.remote_addr)
    if peer and peer.is_loopback:
        _check_owner(gate, peer)
    elif _is_loopback(gate.host) or not gate.token:
        raise Denied(NOT_OURS)


def _check_owner(gate: Gate, peer: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    family, here = (socket.AF_INET, "127.0.0.1") if peer.version == 4 else (socket.AF_INET6, "::1")
    if (bound := _address(gate.host)) and bound.is_loopback:
        here = str(bound)
    try:
        owner = gate.owner_of(family, str(peer), int(request.environ.get("REMOTE_PORT", 0)), here, gate.port)
    except NoAnswer:
        if not gate.token:
            raise Denied(CANNOT_TELL) from None
    except OSError:
        raise Denied(NOT_OURS) from None
    else:
        if owner is None or not owner.is_us():
            raise Denied(NOT_OURS)


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_known(gate: Gate, sessions: Sessions) -> bool:
    """Whether the token is not asked for, or was shown, now or at /login; Unauthorized when a wrong one is."""
    if not gate.token or request.path in OPEN_PATHS:
        return True
    bearer = _bearer()
    if bearer is not None:
        sessions.check_token(bearer, request.remote_addr)
        return True
    return sessions.holds(request.cookies.get(sessions.cookie), request.remote_addr)


def _bearer() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    # WSGI hands headers over as Latin-1; the token is UTF-8.
    return token.encode("latin-1").decode(errors="replace") if scheme.lower() == "bearer" else None


def _send_to_login() -> Response:
    """Redirect who wants to see a page; Unauthorized for everything else."""
    is_page = request.method in {"GET", "HEAD"} and not request.path.startswith("/api/")
    is_part = "HX-Request" in request.headers or request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
    if not is_page or is_part:
        raise Unauthorized("The token is asked for: log in at /login, or send it as Authorization: Bearer TOKEN.")
    query = request.query_string.decode("ascii", "ignore")
    return redirect("/login?" + urlencode({"next": quote(request.path) + (query and "?" + query)}))


def _check_origin(gate: Gate) -> None:
    """Refuse what another site makes a browser send; it may only link to us."""
    if gate.token and _bearer() is not None and "Cookie" not in request.headers:
        return
    is_link = request.method in SAFE_METHODS and request.headers.get("Sec-Fetch-Mode") == "navigate"
    if _is_foreign() and not is_link:
        raise Denied("This was sent by another site's page, and only this server's own pages may do that.")


def _is_foreign() -> bool:
    # "same-site" is foreign too: another port of localhost may be another user's server.
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is not None and origin.lower() != f"{request.scheme}://{request.headers['Host']}".lower()


def _check_body() -> None:
    if request.path.startswith("/api/") and request.content_length and request.mimetype != "application/json":
        raise Invalid("Send the body as JSON, with Content-Type: application/json.")
