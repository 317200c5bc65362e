"""The files in static/vendor are the ones that VENDORED.md names, with their licences."""

import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).parents[2] / "static" / "vendor"


def listed():
    """{file: (package, sha256)} from the table."""
    row = re.compile(r"^\| (\S+) \| (\S+) \|.*\| ([0-9a-f]{64}) \|", re.M)
    return {file: (package, sha) for file, package, sha in row.findall((VENDOR / "VENDORED.md").read_text())}


def test_files_are_as_listed_and_no_other_file_is_there():
    there = {str(path.relative_to(VENDOR)): path for path in VENDOR.rglob("*") if path.is_file()}
    del there["VENDORED.md"]
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}
    assert sums == {name: sha for name, (_, sha) in listed().items()}


def test_each_package_comes_with_its_licence():
    packages = {package for package, _ in listed().values()}
    licensed = {package for file, (package, _) in listed().items() if "LICENSE" in file}
    assert len(packages) == 3
    assert packages == licensed
