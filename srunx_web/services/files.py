"""Files of this machine that users name: read within bounds, written whole or not at all."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from ..core.errors import BadRequest, Conflict, Denied, NotFound, Problem, TooLarge


def inside(path: Path, roots: list[Path]) -> Path:
    """The path with its symlinks resolved, when that is below one of these folders; Denied."""
    real = path.resolve()
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise Denied(f"{path} is outside the folders that may be used: {', '.join(map(str, roots)) or 'none'}")
    return real


def read_text(path: Path, limit: int = 1 << 20) -> str:
    """A regular file as text, undecodable bytes replaced; NotFound, Denied, BadRequest, TooLarge."""
    try:
        # not blocking, or opening a fifo would wait for a writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{path} does not exist") from None
    except PermissionError:
        raise Denied(f"no permission for {path}") from None
    except (OSError, ValueError) as fault:
        raise BadRequest(f"{path}: {getattr(fault, 'strerror', fault)}") from None
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BadRequest(f"{path} is not a regular file")
        if status.st_size > limit:
            raise TooLarge(f"{path} is larger than {limit >> 20} MiB")
        return file.read(limit + 1).decode("utf-8", "replace")


def write_text(path: Path, text: str, may_replace: bool) -> None:
    """Write a file as a whole, durably; Conflict when it exists and may not be replaced, Problem when it can't be."""
    temporary = path.with_name(f".srunx-{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        if may_replace:
            os.replace(temporary, path)
        else:
            os.link(temporary, path)  # unlike a rename, this fails when somebody was quicker
    except FileExistsError:
        raise Conflict(f"{path.stem!r} exists already") from None
    except OSError as fault:
        raise Problem(f"{path} can't be written: {fault.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
