"""Imports only go down, and stand at the top of their file."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "srunx_web"
FILES = sorted(PACKAGE.rglob("*.py"))
FLOORS = {"core": 1, "cluster": 2, "store": 2, "settings": 2, "sync": 2, "peer": 2, "sessions": 2, "services": 3,
          "api": 4, "pages": 4, "security": 4, "assets": 4, "current": 4}  # fmt: skip
PURE = {"bisect", "collections", "contextlib", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum",
        "functools", "graphlib", "io", "itertools", "json", "math", "posixpath", "re", "regex", "shlex", "statistics",
        "string", "sys", "typing", "yaml", "jinja2"}  # fmt: skip


def floor(part: str) -> int:
    """The wiring is above all."""
    return FLOORS.get(part, 5)


def imported(path: Path) -> set[str]:
    """The modules a file imports, those of the package from its top: `core.model`, and others as ".name"."""
    here = path.relative_to(PACKAGE).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {"." + alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add("." + node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level]
            found |= {".".join([*base, *filter(None, [node.module])]) or alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    here = path.relative_to(PACKAGE).with_suffix("").parts[0]
    above = {name for name in imported(path) if not name.startswith(".") and floor(name.split(".")[0]) > floor(here)}
    assert not above


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("*.py")), ids=lambda path: path.name)
def test_the_ground_floor_is_pure(path):
    outside = {name[1:] for name in imported(path) if name.startswith(".")} - PURE
    assert not outside


@pytest.mark.parametrize(("noun", "other"), [("api", "pages"), ("pages", "api")])
def test_the_api_and_the_pages_share_services_not_each_other(noun, other):
    assert not [
        path for path in (PACKAGE / noun).glob("*.py") if any(name.startswith(other) for name in imported(path))
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_stands_inside_a_function(path):
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    inner = [
        ast.unparse(statement)
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, functions)
        for statement in ast.walk(function)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    assert [line for line in inner if "paramiko" not in line] == []  # so that a login node never pays for it
