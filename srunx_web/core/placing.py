"""Values in nested mappings: changed in copies, new keys at the place where people expect them."""

from collections.abc import Callable, Mapping

from .errors import Invalid


def placed(data: Mapping, key: object, value: object, order: tuple[str, ...] = ()) -> dict:
    """A copy with the value at a key; a new key comes after those that stand before it in `order`, else last."""
    if key in data or key not in order:
        return {**data, key: value}
    before = order[: order.index(key)]
    at = max((number for number, name in enumerate(data, 1) if name in before), default=0)
    items = list(data.items())
    return dict([*items[:at], (key, value), *items[at:]])


def without(data: Mapping, *keys: object) -> dict:
    """A copy without these keys."""
    return {name: value for name, value in data.items() if name not in keys}


def renamed(data: Mapping, old: object, new: object) -> dict:
    """A copy with a key renamed where it stands."""
    return {new if name == old else name: value for name, value in data.items()}


def known_key(data: Mapping, key: str) -> object:
    """The key of data that is written like this: `path` for script_path, 1 for "1"; the text itself for a new one."""
    if key == "script_path" and data.get(key) is None and "path" in data:
        return "path"
    return key if key in data else next((name for name in data if str(name) == key), key)


def within(data: Mapping, path: tuple[str, ...], change: Callable[[dict], dict],
           orders: Mapping[tuple, tuple[str, ...]], at: tuple[str, ...] = ()) -> dict:  # fmt: skip
    """A copy in which the mapping at a path is what `change` makes of it; empty ones are taken out. Invalid.

    `orders` are the orders of keys by path.
    """
    if not path:
        return change(dict(data))
    key = known_key(data, path[0])
    inner = data.get(key)
    if key == "container" and isinstance(inner, str):
        inner = {"image": inner}
    if not isinstance(inner, Mapping | None):
        raise Invalid(f"{key} is not a mapping here; edit it as YAML")
    found = within(inner or {}, path[1:], change, orders, (*at, path[0]))
    return placed(data, key, found, orders.get(at, ())) if found else without(data, key)
