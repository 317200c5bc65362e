"""What the environment and config.json say."""

import json
import stat

import pytest

from srunx_web.core.errors import Invalid
from srunx_web.settings import load, private_folder


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
