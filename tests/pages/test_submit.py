"""The Submit page, on the embedded executor."""

import re

import pytest


def test_a_script_is_submitted_and_its_page_opens(client):
    answer = client.post(
        "/jobs/new", data={"script": "#!/bin/bash\n#SBATCH -J fresh\necho hi\n"}, follow_redirects=True
    )
    assert "Submitted as job" in answer.text and "fresh" in answer.text


def test_a_refusal_stands_beside_the_form_and_nothing_typed_is_lost(client):
    text = "#!/bin/bash\n#SBATCH -p nope\necho <mine>\n"
    answer = client.post("/jobs/new", data={"script": text})
    assert answer.status_code == 502
    assert "invalid partition specified: nope" in answer.text
    assert "echo &lt;mine&gt;" in answer.text


def test_a_check_submits_nothing(client):
    answer = client.post("/jobs/new", data={"script": "#!/bin/bash\ntrue\n", "check": "1"})
    assert answer.status_code == 200 and "Slurm would take it" in answer.text
    assert client.get("/api/jobs").json == []


@pytest.mark.parametrize("text", ["", "   ", "#!/bin/sh\0", "no shebang"])
def test_what_is_no_script_is_refused_in_place(client, text):
    answer = client.post("/jobs/new", data={"script": text})
    assert answer.status_code in (422, 502) and 'name="script"' in answer.text


def test_line_ends_of_browsers_do_not_reach_the_shell(client):
    answer = client.post("/jobs/new", data={"script": "#!/bin/bash\r\ntrue\r\n"})
    assert answer.status_code == 303


def test_the_partitions_are_offered(client):
    assert re.search(r"<option>local</option>", client.get("/jobs/new").text)
