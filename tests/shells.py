"""What every Shell that reaches a real machine can do; its tests inherit this and bring `shell` and `folder`."""

import os
import threading
import time
from concurrent.futures import Future

import pytest

from srunx_web.core.errors import BadRequest, Denied, NotConnected, NotFound, Uncertain
from srunx_web.core.model import Chunk

ODD = ["", "a b", "c'd", 'e"f', "two\nlines\n", "$HOME `id` \\ ! * ~", "-n", "\x1e\x1f", "ünï"]


def in_background(function, *args, **options) -> Future:
    """What a thread of its own makes of it."""
    future: Future = Future()

    def work():
        try:
            future.set_result(function(*args, **options))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


class ShellTests:
    """`folder` is an empty folder of the shell's user."""

    def test_a_command_returns_its_code_and_both_streams(self, shell):
        assert shell.run(["sh", "-c", "echo out; echo err >&2; exit 3"]) == (3, "out\n", "err\n")

    def test_stdin_reaches_the_command_whole(self, shell):
        assert shell.run(["md5sum"], b"x" * 3_000_000).out == "8e32e22642bddc89698e25a4e9bf528b  -\n"

    def test_a_command_need_not_read_its_stdin(self, shell):
        assert shell.run(["true"], b"x" * 3_000_000) == (0, "", "")

    def test_arguments_are_data(self, shell):
        assert shell.run(["printf", r"%s\0", *ODD]).out == "".join(f"{word}\0" for word in ODD)

    def test_undecodable_output_is_replaced(self, shell):
        assert shell.run(["printf", r"a\377b"]).out == "a\ufffdb"

    def test_a_missing_command_is_127(self, shell):
        code, out, err = shell.run(["squeueue", "-h"])
        assert (code, out) == (127, "")
        assert err.strip() == "squeueue: command not found"

    def test_death_by_a_signal_is_128_and_its_number(self, shell):
        assert shell.run(["sh", "-c", "kill -9 $$"]).code == 137

    def test_a_nul_character_is_refused(self, shell):
        with pytest.raises(BadRequest):
            shell.run(["echo", "a\0b"])

    def test_both_streams_are_drained_together(self, shell):
        noisy = "for i in 1 2 3 4; do head -c 2000000 /dev/zero; head -c 2000000 /dev/zero >&2; done"
        code, out, err = shell.run(["sh", "-c", noisy])
        assert (code, len(out), len(err)) == (0, 8_000_000, 8_000_000)

    def test_endless_output_is_stopped(self, shell):
        with pytest.raises(NotConnected, match=r"yes on .* printed more than 128 MiB and was stopped"):
            shell.run(["yes"])

    def test_the_deadline_names_host_command_and_seconds(self, shell):
        shell.run(["true"])
        begun = time.monotonic()
        with pytest.raises(NotConnected, match=f"sleep on {shell.host} gave no answer within 0.5 s"):
            shell.run(["env", "A=b", "sleep", "60"], timeout=0.5)
        assert time.monotonic() - begun < 1.5

    def test_a_command_that_changes_things_ends_uncertain(self, shell):
        shell.run(["true"])
        with pytest.raises(Uncertain, match=r"sleep on .* gave no answer within 0.5 s"):
            shell.run(["sleep", "60"], timeout=0.5, is_read=False)

    def test_the_deadline_ends_the_command_and_its_children(self, shell, folder):
        with pytest.raises(NotConnected):
            shell.run(["sh", "-c", f"(sleep 3.5; touch {folder}/late) & sleep 3.5; touch {folder}/late"], timeout=1)
        time.sleep(3)
        assert shell.run(["ls", folder]).out == ""

    def test_a_file_is_read_in_pieces(self, shell, folder):
        shell.write(f"{folder}/it's a\nfile", b"0123456789\xff\n\x00")
        assert shell.read(f"{folder}/it's a\nfile", 8, 3) == Chunk(b"89\xff", 8, 13)
        assert shell.read(f"{folder}/it's a\nfile", None, 3) == Chunk(b"\xff\n\x00", 10, 13)
        assert shell.read(f"{folder}/it's a\nfile", None, 99) == Chunk(b"0123456789\xff\n\x00", 0, 13)
        assert shell.read(f"{folder}/it's a\nfile", 99, 9) == Chunk(b"", 99, 13)

    def test_the_end_of_a_huge_file_is_quick(self, shell, folder):
        shell.run(["sh", "-c", 'truncate -s 64G "$1"; printf end >>"$1"', "sh", f"{folder}/log"])
        begun = time.monotonic()
        assert shell.read(f"{folder}/log", None, 4).data == b"\0end"
        assert shell.read(f"{folder}/log", 1 << 30, 100_000) == Chunk(bytes(100_000), 1 << 30, (64 << 30) + 3)
        assert time.monotonic() - begun < 2

    def test_what_is_no_file_is_not_opened(self, shell, folder):
        shell.run(["mkfifo", f"{folder}/fifo"])
        for path in (f"{folder}/fifo", folder, "/dev/zero"):
            with pytest.raises(BadRequest):
                shell.read(path, 0, 10)

    def test_missing_and_forbidden_are_told_apart(self, shell, unprivileged):
        for path in ("/etc/srunx/no/such", "/etc/hosts/below-a-file"):
            with pytest.raises(NotFound):
                shell.read(path, 0, 10)
        for path in ("/etc/shadow", "/root/anything"):
            with pytest.raises(Denied):
                shell.read(path, 0, 10)

    def test_writing_replaces_and_keeps_the_mode(self, shell, folder):
        shell.write(f"{folder}/script", b"old")
        shell.run(["chmod", "750", f"{folder}/script"])
        shell.write(f"{folder}/script", b"new" * 1_000_000)
        assert shell.run(["stat", "-c", "%a %s", f"{folder}/script"]).out == "750 3000000\n"
        assert shell.run(["ls", "-A", folder]).out == "script\n"

    def test_writing_says_what_is_in_the_way(self, shell, folder, unprivileged):
        for path, problem in (("/etc/srunx", Denied), ("/etc/no/such", NotFound), ("/tmp", BadRequest)):
            with pytest.raises(problem):
                shell.write(path, b"")

    def test_a_relative_path_begins_at_home(self, shell):
        home = shell.run(["pwd"]).out.strip()
        name = f".srunx-test-{os.getpid()}"
        shell.write(name, b"here")
        assert shell.run(["sh", "-c", f'cat "$1/{name}"; rm "$1/{name}"', "sh", home]).out == "here"

    def test_closing_ends_a_running_call_at_once(self, shell):
        shell.run(["true"])
        call = in_background(shell.run, ["sleep", "60"])
        time.sleep(0.5)
        shell.close()
        with pytest.raises(NotConnected):
            call.result(timeout=2)
        with pytest.raises(NotConnected):
            shell.run(["true"])
