"""The verification cache: for a while, for several processes, and for nobody else to read."""

import sqlite3
import stat
from contextlib import closing

import pytest

from misfin.errors import StoreError
from misfin.net.verification_cache import SenderVerificationCache


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def cache(tmp_path, clock):
    with SenderVerificationCache(tmp_path / "deep" / "cache.db", 100, now=lambda: clock[0]) as cache:
        yield cache


def test_a_sender_is_remembered_until_its_time_is_over(cache, clock):
    assert cache.get_fingerprint("bea@hive.test") is None
    cache.add_verified("bea@hive.test", "ab" * 32)
    clock[0] = 1099.9
    assert cache.get_fingerprint("bea@hive.test") == "ab" * 32
    clock[0] = 1100.0
    assert cache.get_fingerprint("bea@hive.test") is None


def test_what_is_too_old_is_removed_the_next_time(cache, tmp_path, clock):
    cache.add_verified("bea@hive.test", "ab" * 32)
    clock[0] = 1101.0
    SenderVerificationCache(tmp_path / "deep" / "cache.db", 100, now=lambda: clock[0]).close()
    clock[0] = 1000.0
    assert cache.get_fingerprint("bea@hive.test") is None


def test_an_entry_from_the_future_does_not_count(cache, clock):
    cache.add_verified("bea@hive.test", "ab" * 32)
    clock[0] = 10.0
    assert cache.get_fingerprint("bea@hive.test") is None


def test_revoking_forgets(cache):
    cache.add_verified("bea@hive.test", "ab" * 32)
    assert cache.revoke("bea@hive.test")
    assert not cache.revoke("bea@hive.test")
    assert cache.get_fingerprint("bea@hive.test") is None


def test_the_key_of_a_host_stays_comparable_after_its_time(cache, clock):
    cache.add_server_spki("hive.test", "cd" * 32)
    clock[0] = 5000.0
    assert cache.get_server_spki("hive.test") is None
    assert cache.last_server_spki("hive.test") == "cd" * 32
    assert cache.revoke_server("hive.test")
    assert cache.last_server_spki("hive.test") is None


def test_it_survives_the_program_and_is_shared_and_private(cache, tmp_path, clock):
    cache.add_verified("bea@hive.test", "ab" * 32)
    path = tmp_path / "deep" / "cache.db"
    with SenderVerificationCache(str(path), 100, now=lambda: clock[0]) as other:
        assert other.get_fingerprint("bea@hive.test") == "ab" * 32
        other.revoke("bea@hive.test")
    assert cache.get_fingerprint("bea@hive.test") is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_cache_of_another_version_is_made_again(tmp_path):
    path = tmp_path / "cache.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript("CREATE TABLE senders (x); PRAGMA user_version = 99")
    database.close()
    with SenderVerificationCache(path) as cache:
        cache.add_verified("bea@hive.test", "ab" * 32)
        assert cache.get_fingerprint("bea@hive.test") == "ab" * 32


def test_a_file_that_is_no_database_is_an_error_that_says_what_to_do(tmp_path):
    path = tmp_path / "cache.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError) as caught:
        SenderVerificationCache(path)
    assert "delete" in caught.value.remedy
