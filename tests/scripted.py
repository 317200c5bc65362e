"""A Shell that plays back what real machines said."""

from srunx_web.cluster.shell import Result
from srunx_web.core.errors import NotConnected, NotFound
from srunx_web.core.model import Chunk


class ScriptedShell:
    """Answers each argv with its recording, in turn when there are several (the last one stays), and refuses others.

    `scenes` are dicts of argv, stdout, stderr, exit_code, as in tests/transcripts; `files` are read and written
    in memory; `calls` keeps what was run, with its stdin.
    """

    host, user = "scripted", "researcher"

    def __init__(self, scenes: list[dict], files: dict[str, bytes] | None = None):
        self.files = dict(files or {})
        self.calls: list[tuple[list[str], bytes]] = []
        self._is_closed = False
        self._scenes: dict[tuple[str, ...], list[dict]] = {}
        for scene in scenes:
            self._scenes.setdefault(tuple(scene["argv"]), []).append(scene)

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30, is_read: bool = True) -> Result:
        """The recorded end of this very argv."""
        self._check_open()
        scenes = self._scenes.get(tuple(argv))
        assert scenes, f"not in the script: {argv}"
        self.calls.append((argv, stdin))
        scene = scenes.pop(0) if len(scenes) > 1 else scenes[0]
        return Result(scene.get("exit_code", 0), scene.get("stdout", ""), scene.get("stderr", ""))

    def read(self, path: str, offset: int | None, limit: int, timeout: float = 30) -> Chunk:
        """A piece of a file in memory."""
        self._check_open()
        if path not in self.files:
            raise NotFound(f"{path} does not exist")
        data = self.files[path]
        start = max(0, len(data) - limit) if offset is None else offset
        return Chunk(data[start : start + limit], start, len(data))

    def write(self, path: str, data: bytes, timeout: float = 30) -> None:
        """A file in memory."""
        self._check_open()
        self.files[path] = data

    def close(self) -> None:
        """Answer no more."""
        self._is_closed = True

    def _check_open(self) -> None:
        if self._is_closed:
            raise NotConnected("closed")
