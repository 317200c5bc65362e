"""What nobody should send, and files that nobody should have: refused in the contract's shape, and quickly."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conftest import close, make_app

FLOW = "args: {lr: 1}\njobs:\n- {name: a, command: [echo, '{{ lr }}']}\n"
BODIES = [b"", b"null", b"[]", b"1", b'"x"', b"{", b"\xff", b"[" * 100_000, b"1" * 5000, b'{"name": "\\ud800"}']
BROKEN = ("fifo", "dir", "loop", "latin", "huge")


@pytest.fixture
def flow(client):
    """A workflow of the name flow."""
    assert client.post("/api/workflows/upload", json={"yaml": FLOW, "filename": "flow.yaml"}).status_code == 200


@pytest.fixture
def folder(tmp_path):
    """The workflow folder, with files that are no text."""
    place = tmp_path / ".config/srunx/workflows"
    place.mkdir(parents=True)
    os.mkfifo(place / "fifo.yaml")
    (place / "dir.yaml").mkdir()
    (place / "loop.yaml").symlink_to("loop.yaml")
    (place / "latin.yaml").write_bytes("jobs: [{name: a, command: é}]\n".encode("latin-1"))
    (place / "huge.yaml").write_text("#" * (2 << 20))
    return place


def run(client, **body):
    """What a dry run answers."""
    return client.post("/api/workflows/flow/run", json={"dry_run": True, **body})


def check(client, text: str) -> list[str]:
    """The faults of a definition."""
    return client.post("/api/workflows/validate", json={"yaml": text}).json.get("errors", [])


def test_any_body_is_answered_in_the_shape_of_an_error(app, client, flow):
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/") and "POST" in rule.methods]
    for path in (rule.rule.replace("<name>", "flow").replace("<run_id>", "no") for rule in rules):
        for body in BODIES:
            answer = client.post(path, data=body, content_type="application/json")
            assert answer.status_code < 500, (path, body[:20])
            assert answer.status_code < 400 or isinstance(answer.json["detail"], str)


def test_half_a_surrogate_pair_is_refused_wherever_it_stands(client, flow):
    half = "\ud800"
    for body in ({"args_override": {"lr": half}}, {"args_override": {half: 1}}, {"single_job": half}):
        assert run(client, **body).status_code == 422
    template = {"name": "t", "content": f"#!/bin/bash\n{half}"}
    assert client.post("/api/templates", json=template).status_code == 422
    assert client.post("/api/templates", json=template | {"content": "#!{{ '\\ud800' }}"}).status_code == 422
    assert "surrogate" in check(client, "jobs: [{name: a, command: \"{{ '\\\\ud800' }}\"}]")[0]


def test_args_that_no_page_could_show_are_refused(client, flow):
    deep = json.loads("[" * 200 + "]" * 200)
    assert run(client, args_override={"lr": deep}).status_code == 422


def test_nested_data_takes_no_longer_than_it_is_deep(client):
    command = json.loads('{"a":' * 60 + "1" + "}" * 60)
    begun = time.monotonic()
    answer = client.post("/api/workflows/create", json={"name": "x", "jobs": [{"name": "a", "command": command}]})
    assert answer.status_code == 422 and time.monotonic() - begun < 5


def test_a_name_that_is_no_text_is_a_fault(client):
    body = {"name": "x", "jobs": [{"name": {"a": 1}, "command": ["x"]}, {"name": "b", "command": ["x"]}]}
    assert client.post("/api/workflows/create", json=body).status_code == 422


@pytest.mark.parametrize("key", ["retry", "retry_delay", "resources: {partition", "resources: {nodes"])
def test_what_only_looks_like_an_expression_is_checked_after_rendering(client, key):
    value = "\"{{ '{{' }}\\n#SBATCH --uid=0\"" + "}" * key.count("{")
    (fault,) = check(client, f"jobs:\n- name: a\n  command: x\n  {key}: {value}\n")
    assert "can't hold {{" in fault


def test_a_template_is_applied_to_plain_values_only(client):
    for more in ({"retry": "{{ 1 }}"}, {"resources": {"nodes": "{{ 1 }}\n#SBATCH --uid=0"}}):
        body = {"job": {"name": "a", "command": "x", **more}}
        assert client.post("/api/templates/python/apply", json=body).status_code in (404, 422)
    name = client.get("/api/templates").json[0]["name"]
    assert (
        client.post(f"/api/templates/{name}/apply", json={"job": {"name": "a", "retry": "{{ 1 }}"}}).status_code == 422
    )


@pytest.mark.parametrize("path", ["~nobody-of-that-name/x", "loop", ".", "../../etc/passwd", "/dev/zero", "x" * 5000])
def test_a_script_that_can_t_be_read_is_a_fault(client, folder, path):
    (folder / "loop").symlink_to("loop")
    assert check(client, f"jobs: [{{name: a, script_path: {json.dumps(path)}}}]")


def test_one_broken_file_does_not_hide_the_others(client, folder, flow):
    listed = {one["name"]: one for one in client.get("/api/workflows").json}
    assert set(listed) == {"flow", *BROKEN} and all(listed[name]["error"] for name in BROKEN)
    assert client.get("/workflows").status_code == 200
    templates = folder.parent / "templates"
    templates.mkdir()
    os.mkfifo(templates / "fifo.sbatch.jinja")
    (templates / "a b.sbatch.jinja").write_text("x")
    (templates / "latin.sbatch.jinja").write_bytes(b"\xe9")
    assert client.get("/api/templates").status_code == 200


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_text_is_not_written_over_from_a_page(client, folder, name):
    before = os.lstat(folder / f"{name}.yaml")
    for path in ("yaml", "download"):
        assert client.get(f"/workflows/{name}/{path}").status_code in (400, 413, 422)
    answer = client.post(f"/workflows/{name}/yaml", data={"yaml": FLOW, "version": ""})
    assert answer.status_code in (400, 413, 422)
    assert os.lstat(folder / f"{name}.yaml") == before


def test_saving_goes_through_a_link_of_ones_own(client, folder):
    (folder / "real.txt").write_text(FLOW)
    (folder / "link.yaml").symlink_to("real.txt")
    body = {"yaml": FLOW + "# new\n", "filename": "link.yaml", "overwrite": True}
    assert client.post("/api/workflows/upload", json=body).status_code == 200
    assert (folder / "link.yaml").is_symlink() and (folder / "real.txt").read_text().endswith("# new\n")


def test_of_two_that_create_at_once_one_is_told(app):
    def create(number: int) -> int:
        body = {"name": "same", "jobs": [{"name": "a", "command": [str(number)]}]}
        return app.test_client().post("/api/workflows/create", json=body).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, range(8))) == [200] + [409] * 7


@pytest.fixture
def mounted(tmp_path):
    """A server with a profile that has a mount, which nothing is sent to."""
    mount = {"name": "proj", "local": str(tmp_path / "proj"), "remote": "/data/proj"}
    config = {"current_profile": "p", "profiles": {"p": {"hostname": "nowhere.invalid", "mounts": [mount]}}}
    (tmp_path / ".config/srunx").mkdir(parents=True)
    (tmp_path / ".config/srunx/config.json").write_text(json.dumps(config))
    (tmp_path / "proj/.srunx").mkdir(parents=True)
    app = make_app(tmp_path, SRUNX_BACKEND="auto")
    yield app
    app.extensions["srunx"].cluster.scheduler.shell.close()


def test_links_do_not_lead_out_of_a_mount(mounted, tmp_path):
    client, place = mounted.test_client(), tmp_path / "proj/.srunx/workflows"
    place.mkdir()
    (tmp_path / "secret").write_text(FLOW)
    (place / "out.yaml").symlink_to(tmp_path / "secret")
    (one,) = client.get("/api/workflows?mount=proj").json
    assert "outside" in one["error"] and client.get("/api/workflows/out?mount=proj").status_code == 403
    body = {"yaml": FLOW, "filename": "out.yaml", "mount": "proj", "overwrite": True}
    assert client.post("/api/workflows/upload", json=body).status_code == 403
    place.rename(tmp_path / "away")
    place.symlink_to(tmp_path / "away")
    assert client.get("/api/workflows?mount=proj").status_code == 403


def test_defaults_are_what_their_checks_made_of_them(tmp_path):
    config = {"environment": {"env_vars": {"OMP_NUM_THREADS": 4}}, "resources": {"nodes": "2"}}
    (tmp_path / ".config/srunx").mkdir(parents=True)
    (tmp_path / ".config/srunx/config.json").write_text(json.dumps(config))
    app = make_app(tmp_path, SRUNX_BACKEND="embedded")
    client = app.test_client()
    assert check(client, FLOW) == []
    (tmp_path / ".config/srunx/config.json").write_text(json.dumps({"resources": {"partition": "{{ x }}\n#"}}))
    other = make_app(tmp_path, SRUNX_BACKEND="embedded", SRUNX_STATE_DIR=str(tmp_path / "other"))
    assert "defaults" in check(other.test_client(), FLOW)[0]
    for one in (app, other):
        close(one)


def test_no_definition_takes_long_to_check_or_to_show(client):
    edges = "\n".join(f"- {{name: j{n}, command: x, depends_on: {[f'j{m}' for m in range(n)]}}}" for n in range(200))
    costly = "- {name: c0, command: &c '{{ range(9999)|join }}'}\n" + "".join(
        f"- {{name: c{n}, command: *c}}\n" for n in range(1, 3000)
    )
    begun = time.monotonic()
    assert "too much" in check(client, f"jobs:\n{costly}")[0]
    assert (
        client.post("/api/workflows/upload", json={"yaml": f"jobs:\n{edges}", "filename": "all.yaml"}).status_code
        == 200
    )
    page = client.get("/workflows/all").text
    assert "too many dependencies" in page and "<table" in page
    assert time.monotonic() - begun < 30


def test_numbers_that_json_does_not_have_are_text(client):
    body = {"yaml": FLOW.replace("lr: 1", "lr: [.nan, {a: -.inf}]"), "filename": "nan.yaml"}
    assert client.post("/api/workflows/upload", json=body).json["args"] == {"lr": ["nan", {"a": "-inf"}]}
