"""What a receiver takes of its machine, with the system's calls substituted where their answers matter."""

import logging
import resource

import pytest

from misfin.errors import LocalError
from misfin.net import budget


class System:
    """getrlimit and setrlimit of a system that refuses everything above ``ceiling``."""

    def __init__(self, soft: int, hard: int, ceiling: int) -> None:
        self.limits = (soft, hard)
        self.ceiling = ceiling
        self.tried: list[int] = []

    def getrlimit(self, _which: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, _which: int, limits: tuple[int, int]) -> None:
        self.tried.append(limits[0])
        if limits[0] > self.ceiling:
            raise ValueError("current limit exceeds maximum limit")
        self.limits = limits


INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "ceiling", "got", "tried"),
    [
        (1024, 1_048_576, 1_048_576, 8192, [8192]),
        (1024, 4096, 1_048_576, 4096, [4096]),
        (256, INFINITE, 10240, 8192, [8192]),
        (256, INFINITE, 5000, 4096, [8192, 4096]),
        (256, INFINITE, 100, 256, [8192, 4096, 2048, 1024, 512]),
        (20000, 20000, 20000, 20000, []),
        (INFINITE, INFINITE, 10240, None, []),
        (64, 64, 64, 64, []),
    ],
)
def test_the_soft_limit_is_raised_by_halves_where_the_system_refuses(
    monkeypatch, soft, hard, ceiling, got, tried
):
    system = System(soft, hard, ceiling)
    monkeypatch.setattr(resource, "getrlimit", system.getrlimit)
    monkeypatch.setattr(resource, "setrlimit", system.setrlimit)
    assert budget.raise_file_limit() == got
    assert system.tried == tried
    assert system.limits[1] == hard


def test_connections_get_what_files_and_memory_leave():
    gigabyte = 1 << 30
    assert budget.connections_allowed(1024, None) == 1024 - budget.RESERVED
    assert budget.connections_allowed(8192, gigabyte) == 1024
    assert budget.connections_allowed(8192, 64 * gigabyte) == 8192 - budget.RESERVED
    assert budget.connections_allowed(256, 1024) == 32  # a receiver that takes nothing is of no use
    assert budget.connections_allowed(None, None) == 8192


@pytest.mark.parametrize("files", [0, 64, budget.RESERVED, budget.RESERVED + 31])
def test_too_few_files_are_refused_with_what_to_do(files):
    with pytest.raises(budget.TooFewFilesError, match=f"allows this process {files}") as refused:
        budget.connections_allowed(files, None)
    assert isinstance(refused.value, LocalError)
    assert "ulimit -n 1024" in refused.value.remedy


def test_memory_is_what_the_machine_its_group_or_the_process_has(monkeypatch, tmp_path):
    monkeypatch.setattr(budget, "_CGROUP_LIMIT", tmp_path / "memory.max")
    machine = budget.memory_limit()
    assert machine is not None
    (tmp_path / "memory.max").write_text("max\n")
    assert budget.memory_limit() == machine
    (tmp_path / "memory.max").write_text("1000000\n")
    assert budget.memory_limit() == 1_000_000
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (500_000, INFINITE))
    assert budget.memory_limit() == 500_000


def test_a_log_says_one_line_a_minute_per_cause_and_how_many_it_left_out(caplog):
    now = [0.0]
    lines: list[str] = []
    logger = logging.getLogger("misfin.test_budget")
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    handler.addFilter(budget.LogBudget(clock=lambda: now[0]))
    logger.addHandler(handler)

    def fail(address: str) -> None:
        logger.warning("%s could not be stored.", address)

    for number in range(1000):
        fail(f"192.0.2.{number}")
    logger.warning("Another cause.")
    now[0] = 61.0
    fail("198.51.100.1")
    fail("198.51.100.2")
    assert lines == [
        "192.0.2.0 could not be stored.",
        "Another cause.",
        "198.51.100.1 could not be stored. (999 more like it before this one)",
    ]
    logger.removeHandler(handler)
