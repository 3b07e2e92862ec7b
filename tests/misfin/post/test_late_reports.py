"""What was written without waiting for the disk is reported once it is durable, in order and once."""

import asyncio

import pytest

from misfin.errors import StoreError
from misfin.post import late_reports
from misfin.post.late_reports import LateReports


class Disk:
    def __init__(self) -> None:
        self.syncs, self.refuses, self.complaints = 0, 0, []

    def sync(self) -> None:
        if self.refuses:
            self.refuses -= 1
            raise StoreError("The disk is full.")
        self.syncs += 1


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def reports(disk):
    return LateReports(disk.sync, disk.complaints.append)


async def test_reports_wait_for_the_next_mark(disk, reports, monkeypatch):
    monkeypatch.setattr(late_reports, "_SOON", 60.0)
    said = []
    reports.add(lambda: said.append(1))
    reports.add(lambda: said.append(2))
    await asyncio.sleep(0)
    assert said == []
    reports.durable()
    reports.durable()
    assert said == [1, 2]
    assert disk.syncs == 0
    reports.close()


async def test_without_a_mark_they_are_synced_a_moment_later(disk, reports, monkeypatch):
    monkeypatch.setattr(late_reports, "_SOON", 0.001)
    disk.refuses = 2
    said = asyncio.Event()
    reports.add(said.set)
    async with asyncio.timeout(60):
        await said.wait()
    assert disk.syncs == 1
    assert len(disk.complaints) == 2
    reports.close()


async def test_closing_reports_what_is_left(reports):
    said = []
    reports.add(lambda: said.append(1))
    reports.close()
    assert said == [1]
