"""/api/resources on the embedded executor."""

FIELDS = {"timestamp", "partition", "total_gpus", "gpus_in_use", "gpus_available", "jobs_running", "nodes_total",
          "nodes_idle", "nodes_down", "gpu_utilization", "has_available_gpus"}  # fmt: skip


def test_the_one_partition_of_this_machine(client):
    (row,) = client.get("/api/resources").json
    assert row.keys() == FIELDS
    assert (row["partition"], row["nodes_total"], row["nodes_down"]) == ("local", 1, 0)
    assert row["gpus_available"] == row["total_gpus"] - row["gpus_in_use"]


def test_a_running_job_is_counted(client, jobs):
    id_ = jobs.submit("sleep 30")
    jobs.wait(id_, "RUNNING")
    assert client.get("/api/resources?partition=local").json[0]["jobs_running"] == 1


def test_bad_and_unknown_partitions(client):
    assert client.get("/api/resources?partition=a;b").status_code == 422
    answer = client.get("/api/resources?partition=nope")
    assert (answer.status_code, answer.json["detail"]) == (404, "Partition 'nope' not found")
