"""A person at a browser."""

import re

import pytest

AXE = "wcag2a", "wcag2aa", "wcag21aa"


class Person:
    """What a person does on our pages, with a page of a real browser."""

    def __init__(self, page, url: str):
        self.page, self.url = page, url

    def open(self, path: str):
        """Go to a page of ours."""
        self.page.goto(self.url + path)
        return self.page

    def submit(self, script: str) -> str:
        """Type a script, press Submit, and return the new job's id."""
        page = self.open("/jobs/new")
        page.get_by_label("Script").fill(script)
        page.get_by_role("button", name="Submit job").click()
        page.wait_for_url(re.compile(r"/jobs/\d+$"))
        return page.url.rpartition("/")[2]


@pytest.fixture
def person(page, serving, app):
    """A person before the embedded executor."""
    return Person(page, serving(app))
