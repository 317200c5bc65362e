"""What the environment and config.json say."""

import json
import stat

import pytest

from srunx_web import sync
from srunx_web.core.errors import Invalid
from srunx_web.settings import Mount, Profile, load, private_folder


def config(tmp_path, text):
    """A home with this config.json."""
    folder = tmp_path / ".config/srunx"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(text)
    return {"HOME": str(tmp_path)}


def test_a_fresh_home_has_the_usual_folders(tmp_path):
    settings = load({"HOME": str(tmp_path)})
    assert settings.state_dir == tmp_path / ".local/state/srunx"
    assert settings.workflow_dir == tmp_path / ".config/srunx/workflows"
    assert (settings.backend, settings.poll_seconds, settings.profile) == ("auto", 10, None)


def test_the_current_profile_of_the_peers_file_is_used(tmp_path):
    profile = {
        "hostname": "login.hpc",
        "username": "ann",
        "key_filename": "~/.ssh/id",
        "port": 22,
        "mounts": [],
        "x": 1,
    }
    environ = config(tmp_path, json.dumps({"current_profile": "hpc", "profiles": {"hpc": profile}, "unknown": 2}))
    assert load(environ).profile.hostname == "login.hpc"
    assert load({**environ, "SRUNX_SSH_HOSTNAME": "other", "SRUNX_SSH_PORT": "2222"}).profile.port == 2222


def test_a_profile_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Invalid, match="'nope' is not in config"):
        load({"HOME": str(tmp_path), "SRUNX_SSH_PROFILE": "nope"})


@pytest.mark.parametrize(
    ("text", "where"), [('{\n "a": }', "line 2, column 7"), ("[]", "line 1"), ("", "line 1, column 1")]
)
def test_a_broken_file_is_named_with_its_line_and_left_alone(tmp_path, text, where):
    environ = config(tmp_path, text)
    with pytest.raises(Invalid) as fault:
        load(environ)
    assert where in fault.value.detail
    assert (tmp_path / ".config/srunx/config.json").read_text() == text


def test_a_broken_file_does_not_stop_the_embedded_executor(tmp_path):
    assert load({**config(tmp_path, "{"), "SRUNX_BACKEND": "embedded"}).backend == "embedded"


@pytest.mark.parametrize("variable", ["SRUNX_BACKEND", "SRUNX_POLL_SECONDS", "SRUNX_SSH_HOST_KEY_POLICY"])
def test_a_senseless_variable_is_named(tmp_path, variable):
    with pytest.raises(Invalid, match=variable):
        load({"HOME": str(tmp_path), variable: "soon"})


def test_state_folders_are_private(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    assert stat.S_IMODE(private_folder(tmp_path / "open").stat().st_mode) == 0o700
    assert stat.S_IMODE(private_folder(tmp_path / "a/b").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "wrong",
    [{"hostname": 5}, {"hostname": "-oProxyCommand=x"}, {"ssh_host": ["a"]}, {"username": "-l"}, {"port": "2 2"},
     {"port": [1]}, {"mounts": 5}, {"mounts": "abc"}, {"env_vars": {"A": None}},
     *({"mounts": [{"name": "m", "local": "/a", "remote": "/b", **more}]} for more in (
         {"local": "~nobody-of-that-name/x"}, {"local": "/a\0"}, {"remote": "/b\n"}, {"exclude_patterns": "*.tmp"},
         {"exclude_patterns": [1]}))],
)  # fmt: skip
def test_a_profile_of_wrong_types_is_named(tmp_path, wrong):
    entry = {"hostname": "h", **wrong}
    with pytest.raises(Invalid, match=r"config\.json: "):
        load(config(tmp_path, json.dumps({"profiles": {"p": entry}})))


@pytest.mark.parametrize("wrong", [{"current_profile": [1]}, {"work_dir": 5}, {"profiles": [1]}])
def test_other_wrong_types_are_no_traceback(tmp_path, wrong):
    with pytest.raises(Invalid):
        load(config(tmp_path, json.dumps(wrong)))


def test_a_remote_path_is_never_read_by_a_shell(tmp_path):
    words = [
        sync.command(Mount("m", tmp_path, remote, ("-x", "a b")), Profile("p", host), load({"HOME": str(tmp_path)}))
        for host, remote in (("h", "/data/p"), ("h", "/data/$(id) p"), ("::1", "/data/p"))
    ]
    assert words[0][:4] == ["rsync", "-rlptz", "--exclude=-x", "--exclude=a b"]
    assert words[0][-3] == "--" and words[1][1].endswith("s")
    assert words[2][-1] == "[::1]:/data/p/"
