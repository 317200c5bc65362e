"""The results of a sweep as HTML: the table says in words what the plots show."""

import math
import re
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from flask import render_template_string

from srunx_web.core.metrics import Metric
from srunx_web.core.results import Row, Table
from srunx_web.pages import plots
from srunx_web.services.results import NOT_READ

METRICS = (Metric("val_acc"), Metric("loss", goal="min"))
PARTIALS = '{% include "sweeps/_plots.html" %}{% include "sweeps/_results.html" %}'


def row(number, state="completed", faults=None, lr="0.1", **metrics):
    return Row(number, f"run-{number}", state, 60.0, 1, {"lr": lr}, metrics, faults or {})


ROWS = [
    row(0, val_acc=0.9, loss=2.0),
    row(1, val_acc=0.95, loss=3.5),
    row(2, "failed", lr="</svg><script>"),
    row(3, val_acc=math.nan),
    row(4, faults={"val_acc": "no line matches"}, loss=1.0),
    row(5, "pending"),
]


@pytest.fixture
def shown(app):
    """shown(rows, **query): (results, their HTML)."""

    def show(rows=ROWS, metrics=METRICS, told=None, **query):
        with app.test_request_context("/sweeps/3"):
            asked = plots.ResultsQuery().load(query)
            more = {"url": lambda **changes: f"?{urlencode(changes)}", "sweep": SimpleNamespace(id=3), "hidden": []}
            found = plots.results(Table(("lr",), metrics, rows), asked, more["url"], told)
            return found, render_template_string(PARTIALS, results=found, **more)

    return show


def cells(html):
    return [int(cell) for cell in re.findall(r'<tr id="r(\d+)"', html)]


def test_the_best_come_first_and_what_has_no_value_last(shown):
    assert cells(shown()[1]) == [2, 1, 4, 5, 3, 6]
    assert cells(shown(metric="loss")[1])[:3] == [5, 1, 2]
    assert cells(shown(sort="cell", reverse=True)[1]) == [6, 5, 4, 3, 2, 1]
    assert cells(shown(sort="no such column")[1]) == [2, 1, 4, 5, 3, 6]


def test_the_best_of_each_metric_is_marked_in_words(shown):
    html = shown()[1]
    assert re.findall(r"<b>best</b> ([\d.]+)", html) == ["0.95", "1.0"]


def test_what_has_no_value_says_why(shown):
    html = shown()[1]
    assert 'aria-label="no value: no line matches">no value<' in html and ">NaN<" in html
    assert 'aria-label="no value: the cell was failed">–<' in html


def test_a_cell_that_is_not_read_yet_is_not_told_to_have_no_value(shown):
    html = shown([*ROWS[:2], row(2, faults={"val_acc": NOT_READ, "loss": NOT_READ})])[1]
    assert "1 not read yet" in html and 'aria-label="not read yet">…<' in html and "no value</i>" not in html


def test_one_curve_says_all_of_one_parameter_and_one_metric(shown):
    assert "curve" in shown()[1] and "Parallel coordinates" in shown()[1]
    alone = shown(metrics=METRICS[:1])[1]
    assert "curve" in alone and "Parallel coordinates" not in alone


def test_a_row_says_why_its_cell_failed_and_how_long_one_runs(shown):
    told = plots.Told({"run-2": "exit 3 <b>"}, {"run-5": 1000})
    html = shown([*ROWS[:5], row(5, "running")], told=told)[1]
    assert ">exit 3 &lt;b&gt;</small>" in html and 'data-start="1000"' in html


def test_a_head_says_how_it_sorts_and_turns_it_round(shown):
    columns = {column.name: column for column in shown()[0].columns}
    assert (columns["val_acc"].direction, columns["loss"].direction) == ("descending", None)
    assert "reverse=1" in columns["val_acc"].url and "sort=loss&reverse=None" in columns["loss"].url
    turned = {column.name: column for column in shown(sort="loss", reverse=True)[0].columns}
    assert turned["loss"].direction == "descending" and "sort=None&reverse=None" in turned["loss"].url


def test_values_of_users_are_no_markup(shown):
    html = shown()[1]
    assert "<script" not in html and "&lt;/svg&gt;&lt;script&gt;" in html
    assert "style=" not in html


def test_two_hundred_rows_are_shown_until_all_are_asked_for(shown):
    rows = [row(number, val_acc=number / 1000) for number in range(300)]
    assert len(cells(shown(rows)[1])) == 200 and "Show all 300" in shown(rows)[1]
    assert len(cells(shown(rows, all=True)[1])) == 300
    assert shown(rows)[1].count("<polyline data-cell=") == 300


def test_one_cell_or_none_is_no_plot(shown):
    assert "<svg class=" not in re.sub(r'<svg class="i".*?</svg>', "", shown(ROWS[:1])[1])
    assert cells(shown([])[1]) == []
