"""The token, from the browser."""

import re

import pytest

from srunx_web import create_app
from srunx_web.security import Gate
from srunx_web.settings import load
from tests.guarded import us

pytestmark = pytest.mark.browser
TOKEN = "a token of some length"


def test_a_person_logs_in_and_an_open_page_leads_back_when_the_session_is_over(page, serving, tmp_path):
    environ = {"HOME": str(tmp_path), "SRUNX_BACKEND": "embedded", "SRUNX_STATE_DIR": str(tmp_path / "state")}
    url = serving(create_app(load(environ), Gate(owner_of=us, token=TOKEN)))
    page.goto(url + "/jobs?sort=name")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(r"/jobs\?sort=name$"))
    page.context.clear_cookies()
    page.wait_for_url(re.compile("/login"), timeout=9000)
