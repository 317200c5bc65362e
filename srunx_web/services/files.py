"""Files of this machine that users name: read within bounds, written whole or not at all."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from ..core.errors import BadRequest, Conflict, Denied, Invalid, NotFound, Problem, TooLarge


def inside(base: Path, path: str | Path, roots: list[Path]) -> Path:
    """The path, seen from a base and with its symlinks resolved, when that is below one of these folders; Denied,
    BadRequest."""
    try:
        real = (base / Path(path).expanduser()).resolve()
        is_within = any(real.is_relative_to(root.resolve()) for root in roots)
    except (OSError, RuntimeError, ValueError) as fault:  # links in a circle; a home of nobody
        raise BadRequest(f"{path}: {fault}") from None
    if not is_within:
        raise Denied(f"{path} is outside the folders that may be used: {', '.join(map(str, roots)) or 'none'}")
    return real


def read_text(path: Path, limit: int = 1 << 20) -> str:
    """A regular file as text; NotFound, Denied, BadRequest, TooLarge, and Invalid for what is not UTF-8: with its
    bytes replaced, it would be saved or submitted as something else."""
    try:
        # not blocking, or opening a fifo would wait for a writer
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{path} does not exist") from None
    except PermissionError:
        raise Denied(f"no permission for {path}") from None
    except (OSError, ValueError) as fault:
        raise BadRequest(f"{path}: {getattr(fault, 'strerror', fault)}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise BadRequest(f"{path} is not a regular file")
    with open(descriptor, "rb") as file:
        if status.st_size > limit:
            raise TooLarge(f"{path} is larger than {limit >> 20} MiB")
        return decoded(file.read(limit + 1), str(path))


def decoded(data: bytes, name: str) -> str:
    """The bytes of a file as text; Invalid names the line of the first that is no UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise Invalid(f"{name}, line {line}: this is not UTF-8; save the file in that encoding first") from None


def delete(path: Path) -> None:
    """Delete a file, a link rather than what it leads to; Denied when that can't be done."""
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        raise Denied(f"{path} can't be deleted: {fault.strerror}") from None


def write_text(path: Path, text: str, may_replace: bool) -> None:
    """Write a file as a whole, durably; Conflict when it exists and may not be replaced, Problem when it can't be."""
    temporary = path.with_name(f".srunx-{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(text.encode())
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
