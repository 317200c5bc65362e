"""Values as people read them."""

from datetime import datetime, timezone


def duration(seconds: int | None) -> str:
    """As Slurm prints it: 5:03, 1:05:03, 2-01:05:03; "" for None."""
    if seconds is None:
        return ""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}-{hour:02}:{minute:02}:{second:02}"
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def age(seconds: float) -> str:
    """A rough length of time: 12 s, 4 min, 3 h, 9 d."""
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def size(count: int) -> str:
    """Bytes in units of 1024: 17 B, 1.5 kB, 2.0 GB."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def memory(mebibytes: int | None) -> str:
    """Memory as sbatch takes it: 512M, 32G, 1.5T; "" for None."""
    if mebibytes is None:
        return ""
    for unit, length in (("T", 1 << 20), ("G", 1 << 10)):
        if mebibytes >= length:
            return f"{mebibytes / length:.1f}".removesuffix(".0") + unit
    return f"{mebibytes}M"


def timestamp(epoch: float | None) -> str | None:
    """ISO 8601 in UTC with its offset, or None."""
    return None if epoch is None else datetime.fromtimestamp(epoch, timezone.utc).isoformat(timespec="seconds")


def ago(epoch: float, now: float) -> str:
    """How long ago ("4 min"), or in how long ("in ~2 h"); seconds since the epoch."""
    return age(now - epoch) if epoch <= now else f"in ~{age(epoch - now)}"
