"""/api/jobs on the embedded executor."""

import pytest

FIELDS = {
    "name",
    "job_id",
    "status",
    "depends_on",
    "command",
    "resources",
    "partition",
    "nodes",
    "gpus",
    "elapsed_time",
}


def test_a_job_is_listed_shown_and_ends(client, jobs):
    id_ = jobs.run("echo hi", name="hello")
    (job,) = [job for job in client.get("/api/jobs").json if job["job_id"] == id_]
    assert job.keys() >= FIELDS
    assert (job["name"], job["depends_on"], job["resources"]["nodes"]) == ("hello", [], 1)
    assert client.get(f"/api/jobs/{id_}").json["status"] == "COMPLETED"


def test_submission_answers_as_the_contract_says(client):
    answer = client.post("/api/jobs", json={"name": "a", "script_content": "#!/bin/sh\n", "job_name": "b"})
    assert answer.status_code == 201
    assert answer.json == {"name": "a", "job_id": answer.json["job_id"], "status": "PENDING", "depends_on": [],
                           "command": [], "resources": {}}  # fmt: skip
    assert client.get(f"/api/jobs/{answer.json['job_id']}").json["name"] == "b"


@pytest.mark.parametrize("name", ["a|b", "two\nlines", "$(reboot) `id` ; '\"", "größe"])
def test_a_name_is_data(client, jobs, name):
    id_ = jobs.run("true", name=name)
    assert client.get(f"/api/jobs/{id_}").json["name"] == name


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"script_content": "x"}, "name"),
        ({"name": "x"}, "script_content"),
        ({"name": "x", "script_content": "#!/bin/sh", "script_path": "a", "mount_name": "m"}, "script_content"),
        ({"name": "x", "script_path": "a"}, "mount_name"),
        ({"name": "x", "script_content": "#!/bin/sh", "notify": True}, "endpoint_id"),
        ({"name": "x", "script_content": "#!/bin/sh", "preset": "some"}, "preset"),
        ({"name": "x", "script_content": "#!/bin/sh\0"}, "script_content"),
        ({"name": "x", "script_content": "#!/bin/sh\ud800"}, "script_content"),
        ({"name": "x", "script_content": " "}, "script_content"),
        ({"name": 3, "script_content": "#!/bin/sh"}, "name"),
        ({"name": "a\0b", "script_content": "#!/bin/sh"}, "name"),
    ],
)
def test_a_faulty_body_names_the_field(client, body, place):
    answer = client.post("/api/jobs", json=body)
    assert answer.status_code == 422
    assert isinstance(answer.json["detail"], str) and place in answer.json["errors"][0]["loc"]


def test_malformed_json_is_invalid(client):
    answer = client.post("/api/jobs", data="{", content_type="application/json")
    assert (answer.status_code, type(answer.json["detail"])) == (422, str)


def test_a_script_of_two_megabytes_is_too_large(client):
    answer = client.post("/api/jobs", json={"name": "x", "script_content": "#!/bin/sh\n" + "#" * (2 << 20)})
    assert answer.status_code == 413


def test_an_unknown_endpoint_or_mount_is_not_found_before_anything_is_submitted(client):
    body = {"name": "x", "script_content": "#!/bin/sh"}
    assert client.post("/api/jobs", json={**body, "notify": True, "endpoint_id": 3}).status_code == 404
    assert client.post("/api/jobs", json={**body, "mount_name": "m"}).status_code == 404
    assert client.get("/api/jobs").json == []


def test_a_refusal_is_in_the_schedulers_words(client):
    answer = client.post("/api/jobs", json={"name": "x", "script_content": "#!/bin/sh\n#SBATCH -p nope\n"})
    assert answer.status_code == 502
    assert "invalid partition specified: nope" in answer.json["detail"]


@pytest.mark.parametrize(
    ("id_", "status"), [("0", 400), ("-1", 400), ("1" + "0" * 30, 400), ("abc", 422), ("1_x", 422), ("999", 404)]
)
@pytest.mark.parametrize(("method", "tail"), [("get", ""), ("delete", ""), ("get", "/logs")])
def test_ids_that_lead_nowhere(client, method, tail, id_, status):
    answer = client.open(f"/api/jobs/{id_}{tail}", method=method.upper())
    assert (answer.status_code, type(answer.json["detail"])) == (status, str)


def test_cancelling_ends_a_job_and_leaves_a_finished_one(client, jobs):
    id_ = jobs.submit("sleep 60")
    assert client.delete(f"/api/jobs/{id_}").status_code == 204
    assert jobs.wait(id_, "CANCELLED", "COMPLETED") == "CANCELLED"
    done = jobs.run("true")
    assert client.delete(f"/api/jobs/{done}").status_code == 204
    assert jobs.state(done) == "COMPLETED"


def test_an_array_task_has_its_own_label_and_log(client, jobs):
    id_ = jobs.run("#SBATCH -a 1-3%2\necho task $SLURM_ARRAY_TASK_ID")
    for task in (1, 2, 3):
        jobs.wait(f"{id_}_{task}", "COMPLETED")
    assert client.get(f"/api/jobs/{id_}_2").json["array_task_id"] == 2
    assert client.get(f"/api/jobs/{id_}_2/logs").json["stdout"] == "task 2\n"
    assert client.get(f"/api/jobs/{id_}_7").status_code == 404


def test_logs_are_read_on_from_an_offset(client, jobs):
    id_ = jobs.run("#SBATCH -e err-%j\nprintf 'one\\ntwo\\n'; echo bad >&2")
    whole = client.get(f"/api/jobs/{id_}/logs").json
    assert whole == {"stdout": "one\ntwo\n", "stderr": "bad\n", "stdout_offset": 8, "stderr_offset": 4,
                     "stdout_start": 0, "stderr_start": 0}  # fmt: skip
    rest = client.get(f"/api/jobs/{id_}/logs?stdout_offset=4&stderr_offset=4").json
    assert (rest["stdout"], rest["stderr"], rest["stdout_offset"]) == ("two\n", "", 8)
    assert client.get(f"/api/jobs/{id_}/logs?stdout_offset=-1").status_code == 422


def test_a_log_that_was_cut_short_is_read_from_its_start(client, jobs, tmp_path):
    id_ = jobs.run("echo something long")
    (tmp_path / f"slurm-{id_}.out").write_text("new\n")
    assert client.get(f"/api/jobs/{id_}/logs?stdout_offset=15").json["stdout"] == "new\n"


def test_a_log_that_vanished_is_not_found(client, jobs, tmp_path):
    id_ = jobs.run("echo hi")
    (tmp_path / f"slurm-{id_}.out").unlink()
    answer = client.get(f"/api/jobs/{id_}/logs")
    assert answer.status_code == 404 and f"slurm-{id_}.out" in answer.json["detail"]


def test_one_file_for_both_streams_is_stdout(client, jobs):
    id_ = jobs.run("echo out; echo err >&2")
    assert client.get(f"/api/jobs/{id_}/logs").json["stderr"] == ""


def test_finished_jobs_stay_on_record_when_the_queue_forgets_them(app, client, jobs):
    id_ = jobs.run("true", name="kept")
    here = app.extensions["srunx"].cluster
    here.mine.read(5)
    assert [job.name for job in here.records.merged([], here.records.row(id_).end_time + 60)] == ["kept"]


def test_unknown_paths_and_methods_have_the_contracts_shape(client):
    assert client.get("/api/nope").json["detail"]
    answer = client.put("/api/jobs", json={})
    assert (answer.status_code, answer.json) == (405, {"detail": "Method Not Allowed"})


def test_every_endpoint_is_described(client):
    document = client.get("/api/openapi.json").json
    for path, methods in (("/api/jobs", {"get", "post"}), ("/api/jobs/{job_id}", {"get", "delete"}),
                          ("/api/jobs/{job_id}/logs", {"get"}), ("/api/resources", {"get"})):  # fmt: skip
        operations = document["paths"][path]
        assert operations.keys() >= methods
        assert all(operations[method]["summary"] and len(operations[method]["responses"]) > 2 for method in methods)


@pytest.mark.parametrize("body", ["[" * 200_000, '{"name": ' + "9" * 5000 + "}"])
def test_json_that_no_parser_takes_is_invalid(client, body):
    assert client.post("/api/jobs", data=body, content_type="application/json").status_code == 422


def test_an_offset_beyond_every_file_is_its_end(client, jobs):
    id_ = jobs.run("echo hi")
    assert client.get(f"/api/jobs/{id_}/logs?stdout_offset=4611686018427387904").status_code == 200
