"""The guards: asked by which name, with which token, from which page, and what goes out."""

import re
import socket
from urllib.parse import urlsplit

import pytest
from flask import Flask, g
from hypothesis import given
from hypothesis import strategies as st

from srunx_web.security import Gate, host_name, init_app
from tests.guarded import TOKEN, assert_guarded, client, make_app, serving, us


def test_no_route_or_method_can_be_reached_past_the_guards():
    assert_guarded(make_app)


def test_the_walk_over_all_routes_notices_an_unguarded_app():
    with pytest.raises(AssertionError):
        assert_guarded(lambda gate: Flask(__name__))


def test_a_route_that_answers_before_the_guards_is_noticed():
    def make_leaky(gate):
        app = Flask(__name__)
        app.before_request(lambda: "reached")
        init_app(app, gate)
        return app

    with pytest.raises(AssertionError):
        assert_guarded(make_leaky)


# ---- host ----


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8765", "127.0.0.1:8000", "[::1]", "[::1]:9", "Login1.example:80"]
)
def test_loopback_names_and_allowed_hosts_are_served_at_any_port(host):
    assert client(allowed_hosts=("login1.EXAMPLE",)).get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "localhost.evil.example", "localhost@evil.example", "localhost:80:80", "localhost:", "::1",
     "127.0.0.1.", "127.1", "0.0.0.0", "localhost, evil.example", "localhost/", "loc\u0430lhost", "[::1", "a b"],
)  # fmt: skip
def test_any_other_host_is_400_and_nothing_else_is_said(host):
    answer = client().get("/no/such/page", headers={"Host": host.encode().decode("latin-1")})
    assert answer.status_code == 400
    assert "SRUNX_WEB_ALLOWED_HOSTS" in answer.json["detail"]


@given(st.text("localhost127.:[]@/\\ \t\n%#?ſK", max_size=24))
def test_a_host_is_understood_as_browsers_do_or_not_at_all(header):
    name = host_name(header)
    if name in {"localhost", "127.0.0.1", "[::1]"}:
        url = urlsplit(f"http://{header}/jobs")
        assert (url.hostname, url.username, url.path) == (name.strip("[]"), None, "/jobs")


def test_letters_that_only_look_like_ours_are_no_host_name():
    assert host_name("k8s") == "k8s"
    assert host_name("\u212a8s") is host_name("ho\u017ft") is None


@given(st.from_regex(r"[a-z0-9.-]{1,40}", fullmatch=True), st.integers(0, 65535))
def test_a_port_is_no_part_of_the_host_name(name, port):
    assert host_name(f"{name.upper()}:{port}") == host_name(name) == name


# ---- token ----


@pytest.mark.parametrize("bearer", ["Bearer wrong", "Bearer", "Bearer ", f"Bearer {TOKEN}x", "bearer t\u00f6ken"])
def test_a_wrong_bearer_is_401_and_says_how_to_ask(bearer):
    answer = client(token=TOKEN).get("/", headers={"Authorization": bearer})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("token", [TOKEN, "a=b&c==", "tök+en/1"])
def test_the_right_bearer_is_let_in_whatever_its_letters(token):
    bearer = f"bearer {token}".encode().decode("latin-1")
    assert client(token=token).get("/", headers={"Authorization": bearer}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"HX-Request": "true"}, {"Sec-Fetch-Mode": "cors"}, {"Authorization": "Basic eDp5"}]
)
def test_fragments_and_programs_without_session_get_401(headers):
    browser = client(token=TOKEN)
    assert browser.get("/api/things/1", headers=headers).status_code == 401
    assert browser.get("/jobs/rows", headers=headers).status_code == (302 if "Authorization" in headers else 401)
    assert browser.post("/jobs/rows").status_code == 401


def test_only_the_login_and_its_stylesheet_are_seen_without_the_token():
    browser = client(token=TOKEN)
    form = browser.get("/login")
    assert form.status_code == 200
    assert set(re.findall(r'(?:src|href|action)="([^"]*)"', form.text)) == {"/static/app.css", "/login"}
    assert browser.get("/static/app.css", buffered=True).status_code == 200
    assert browser.get("/static/app.js").status_code == 302
    assert browser.get("/static/../static/app.css").status_code == 302


# ---- origin and bodies ----


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_another_sites_page_may_only_link_to_us(site):
    browser, headers = client(), {"Sec-Fetch-Site": site, "Origin": "http://localhost"}
    link = headers | {"Sec-Fetch-Mode": "navigate"}
    assert browser.get("/", headers=link).status_code == 200
    assert browser.post("/api/jobs", headers=link).status_code == 403
    assert browser.post("/api/jobs", headers=headers).status_code == 403
    assert browser.get("/", headers=headers).status_code == 403
    assert browser.options("/api/jobs", headers=headers | {"Sec-Fetch-Mode": "cors"}).status_code == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_pages_and_the_address_bar_may_write(site):
    assert client().post("/api/jobs", headers={"Sec-Fetch-Site": site, "Origin": "null"}).status_code == 201


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost:8765", 201), ("HTTP://LOCALHOST:8765", 201), ("http://localhost:8000", 403), ("null", 403),
     ("https://localhost:8765", 403), ("http://evil.example", 403), ("", 403), (None, 201)],
)  # fmt: skip
def test_an_older_browser_must_name_the_origin_that_it_asked(origin, status):
    headers = {"Host": "localhost:8765"} | ({} if origin is None else {"Origin": origin})
    assert client().post("/api/jobs", headers=headers).status_code == status


def test_a_bearer_is_no_browser_unless_it_brings_cookies():
    foreign = {"Sec-Fetch-Site": "cross-site", "Authorization": f"Bearer {TOKEN}"}
    browser = client(token=TOKEN)
    assert browser.post("/api/jobs", headers=foreign).status_code == 201
    browser.set_cookie("a", "b")
    assert browser.post("/api/jobs", headers=foreign).status_code == 403
    assert client().post("/api/jobs", headers=foreign).status_code == 403


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [("application/json", "{}", 201), ("application/json; charset=utf-8", "{}", 201), (None, "", 201),
     ("text/plain", "", 201), ("text/plain", "{}", 422), ("application/x-www-form-urlencoded", "a=b", 422),
     ("multipart/form-data; boundary=x", "--x--", 422), (None, "{}", 422)],
)  # fmt: skip
def test_the_api_takes_only_json(content_type, body, status):
    assert client().post("/api/jobs", data=body, content_type=content_type).status_code == status


def test_a_body_in_pieces_must_be_json_too():
    with serving("127.0.0.1", owner_of=us) as port, socket.create_connection(("127.0.0.1", port), 5) as browser:
        head = "POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        browser.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n".encode())
        assert browser.recv(4096).startswith(b"HTTP/1.1 422 ")


# ---- what goes out ----


@pytest.mark.parametrize("path", ["/", "/no/such/page", "/static/app.css", "/broken", "/api/things/1"])
def test_every_answer_is_sealed(path):
    app = make_app(Gate(owner_of=us))
    app.config["PROPAGATE_EXCEPTIONS"] = False
    headers = app.test_client().get(path, buffered=True).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "no-cache" in headers["Cache-Control"]
    assert set(headers["Content-Security-Policy"].split("; ")) == {
        "default-src 'self'", "img-src 'self' data:", "object-src 'none'", "base-uri 'none'", "form-action 'self'",
        "frame-ancestors 'none'",
    }  # fmt: skip


def test_a_view_may_be_stricter():
    headers = client().get("/raw").headers
    assert (headers["Content-Security-Policy"], headers["Cache-Control"]) == ("sandbox", "no-store")


def test_nobody_counts_as_admitted_before_the_guards_are_done():
    seen = []
    app = make_app(Gate(owner_of=us, token=TOKEN))
    app.teardown_request(lambda _: seen.append(g.get("admitted", False)))
    browser = app.test_client()
    browser.get("/")
    browser.get("/login")
    browser.get("/", headers={"Authorization": f"Bearer {TOKEN}"})
    assert seen == [False, False, True]
