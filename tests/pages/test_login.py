"""Logging in with the token, and where it leads."""

import re
from urllib.parse import urljoin, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from srunx_web.pages import login
from srunx_web.sessions import FREE_TRIES, LIFETIME
from tests.guarded import TOKEN, client


def log_in(browser, token=TOKEN, then="/", **options):
    return browser.post("/login", data={"token": token, "next": then}, **options)


def test_a_page_without_session_leads_to_the_login_and_back():
    browser = client(token=TOKEN)
    answer = browser.get("/files/a%20b%3f?sort=name&q=%C3%A9")
    assert answer.status_code == 302
    form = browser.get(answer.location)
    target = re.search(r'name="next" value="([^"]*)"', form.text)[1].replace("&amp;", "&")
    done = log_in(browser, then=target)
    assert (done.status_code, done.location) == (303, "/files/a%20b%3F?sort=name&q=%C3%A9")
    assert browser.get(done.location).text == "a b?"


def test_the_session_cookie_is_random_and_never_the_token():
    cookies = [log_in(client(token=TOKEN, port=8123)).headers["Set-Cookie"] for _ in range(2)]
    assert cookies[0] != cookies[1]
    name = re.match(r"(\w+)=[\w-]{43};", cookies[0])[1]
    assert name == "srunx_8123"
    assert {"HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={LIFETIME}"} <= set(cookies[0].split("; "))
    assert "Secure" not in cookies[0]


def test_the_session_cookie_is_secure_over_https():
    assert "Secure" in log_in(client(token=TOKEN), base_url="https://localhost").headers["Set-Cookie"]


def test_a_session_ends_with_the_logout():
    browser = client(token=TOKEN)
    log_in(browser)
    cookie = browser.get_cookie("srunx_8000").value
    assert browser.get("/").json == {"admitted": True}
    assert browser.post("/logout").location == "/login"
    assert browser.get_cookie("srunx_8000") is None
    browser.set_cookie("srunx_8000", cookie)
    assert browser.get("/").status_code == 302


def test_a_session_is_worth_nothing_at_another_address():
    there = {"REMOTE_ADDR": "192.0.2.7"}
    browser = client(token=TOKEN, host="0.0.0.0")
    log_in(browser)
    assert browser.get("/").status_code == 200
    assert browser.get("/", environ_base=there).status_code == 302


def test_a_login_from_another_sites_page_is_refused():
    answer = log_in(client(token=TOKEN), headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
    assert answer.status_code == 403


def test_an_invented_session_is_none():
    browser = client(token=TOKEN)
    for value in ("", TOKEN, "x" * 43):
        browser.set_cookie("srunx_8000", value)
        assert browser.get("/").status_code == 302


def test_a_wrong_token_shows_the_form_again_with_the_reason():
    answer = log_in(client(token=TOKEN), "wrong", '/x"><script>')
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "not this server&#39;s token" in answer.text
    assert "<script>" not in answer.text


def test_whoever_is_in_needs_no_form():
    browser = client(token=TOKEN)
    log_in(browser)
    assert browser.get("/login?next=/jobs/rows").location == "/jobs/rows"
    assert client().get("/login?next=//evil.example").location == "/"
    assert log_in(client(), "").status_code == 401


def test_wrong_tokens_are_slowed_down_and_told_when_to_come_back():
    browser = client(token=TOKEN)
    assert [log_in(browser, f"guess {n}").status_code for n in range(FREE_TRIES)] == [401] * FREE_TRIES
    answer = log_in(browser)
    assert (answer.status_code, answer.headers["Retry-After"]) == (403, "1")
    assert browser.get("/", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 403
    assert "Retry-After" not in browser.get("/jobs/rows").headers


@given(st.text("/\\.:@?#%a\t\n\r é", max_size=12))
def test_the_login_leads_only_to_this_server(text):
    here = "http://localhost:8000/login"
    target = login.local_path(text)
    as_browsers_read_it = re.sub(r"[\t\r\n]", "", target).replace("\\", "/")
    assert urlsplit(urljoin(here, as_browsers_read_it))[:2] == ("http", "localhost:8000")
    assert target.startswith("/")
    assert target.isprintable()


@given(st.from_regex(r"/([a-z0-9._~%-]+/)*(\?[a-z0-9=&%+-]*)?", fullmatch=True))
def test_the_login_leads_to_every_path_of_this_server(path):
    assert login.local_path(path) == path
