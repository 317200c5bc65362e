"""Logs as text that can be shown: harmless, with progress bars as their last state."""

import re

# ECMA-48: control sequences, operating system commands, and other two-character escapes
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|[PX^_][^\x1b]{0,4096}\x1b\\|[ -/]*[0-~])"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# Lines that say why a job failed, for grep -E
ERROR_PATTERN = (
    r"[[:alnum:]_]*(Error|Exception)([^[:alnum:]_]|$)|(^|[^[:alnum:]_])(ERROR|FATAL|[Ff]atal|Traceback|Killed|Aborted"
    r"|error:|Segmentation fault|[Oo]ut of memory|oom-kill|No such file|Permission denied|command not found"
    r"|CANCELLED AT|Assertion)([^[:alnum:]_]|$)"
)
_HARMLESS = re.compile(r"(?<![\w.=/-])(?:WARN|WARNING|INFO|DEBUG)\b.*?(?:[Ee]rror|ERROR|Exception)")
PARTIAL_LIMIT = 8192  # bytes of a line without an end that are kept back for more


def split_partial(data: bytes) -> tuple[bytes, bytes]:
    """(whole lines, the begun line after them); a begun line that is too long counts as whole."""
    whole, newline, partial = data.rpartition(b"\n")
    if len(partial) > PARTIAL_LIMIT:
        return data, b""
    return whole + newline, partial


def clean(data: bytes) -> str:
    """Text without escapes and controls; of what a carriage return overwrote, only the last state."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = "\n".join(_last_state(line) for line in text.split("\n"))
    if "\b" in text:
        text = _rubbed_out(text)
    return _CONTROLS.sub("\ufffd", text)


def _rubbed_out(text: str) -> str:
    """Without what backspaces took away."""
    kept: list[str] = []
    for sign in text:
        if sign != "\b":
            kept.append(sign)
        elif kept and kept[-1] != "\n":
            kept.pop()
    return "".join(kept)


def _last_state(line: str) -> str:
    """What a terminal would show of a line with carriage returns."""
    states = [state for state in line.split("\r") if state]
    return states[-1] if states else ""


def is_error(line: str) -> bool:
    """Whether a line that ERROR_PATTERN found does not say of itself that it is only a warning."""
    return not _HARMLESS.search(line)
