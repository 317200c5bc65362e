"""Embedded: the contract, and what may happen to its processes."""

import pytest

from srunx_web.cluster.embedded import Embedded
from srunx_web.cluster.shell import LocalShell
from tests.contract import SchedulerContract


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def restart(spool):
    """Another server on the same spool; the one before lives on in no thread."""
    return lambda **sizes: Embedded(spool, LocalShell(), **{"cpus": 4, "gpus": 0, "memory": 8000, **sizes})


@pytest.fixture
def scheduler(restart):
    return restart()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "work").mkdir()
    return str(tmp_path / "work")


class TestContract(SchedulerContract):
    time_limit, time_limit_seconds = "0:01", 1
