"""What a person does in the builder."""

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

DIAMOND = """\
name: diamond
args:
  lr: 0.1
  tag: "007"
jobs:
  - name: prepare
    command: python prepare.py
  - name: left
    command: python train.py --lr {{ lr }}
    depends_on: [prepare]
    resources:
      nodes: 2
      gpus_per_node: 4
    retry: 2
  - name: right
    command: [python, train.py, "{{ tag }}", a b]
    depends_on: [prepare]
  - name: finish
    command: python report.py
    depends_on: [left, right]
  - name: rescue
    command: echo failed
    depends_on: [afternotok:left]
"""


def card(page, name):
    """The card of a job."""
    return page.locator(f'.job-box[data-name="{name}"]')


def field(page, label):
    """The text field of the panel that is seen."""
    return page.get_by_role("textbox", name=label, exact=True)


def pull(page, name, to, x=0, y=0):
    """Drag from the right side of a job to another one, or to a place beside it."""
    start, end = card(page, name).locator(".port.out").bounding_box(), card(page, to).bounding_box()
    page.mouse.move(start["x"] + 11, start["y"] + 11)
    page.mouse.down()
    page.mouse.move(end["x"] + 20 + x, end["y"] + 30 + y, steps=4)
    page.mouse.up()


def add(page, name, command):
    """A job by the button, with name and command typed."""
    page.get_by_role("button", name="Add job").first.click()
    expect(field(page, "Name")).to_be_focused()
    page.keyboard.type(name)
    field(page, "Command").fill(command)
    expect(card(page, name)).to_contain_text(command)
