"""The fuzzer finds what is there to be found, and a short run of it over every parser finds nothing."""

import importlib
import random
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMES = [
    "address",
    "autoconfig",
    "certificate",
    "finished",
    "gemmail",
    "gemtext",
    "html",
    "http",
    "imap",
    "mail",
    "mailto",
    "message",
    "pop3",
    "query",
    "request",
    "response",
    "safetext",
    "sasl",
    "settings",
    "smtp",
    "smtpserver",
]


@pytest.fixture
def fuzz(monkeypatch):
    monkeypatch.syspath_prepend(HERE)
    yield importlib.import_module("fuzz")
    for name in ("fuzz", "targets"):
        sys.modules.pop(name, None)


def test_every_parser_has_its_smoke_run(fuzz):
    assert sorted(fuzz.TARGETS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_short_run_finds_nothing(fuzz, name):
    report = fuzz.explore(fuzz.TARGETS[name], runs=250, rng=random.Random(1))
    assert report.broken is None, f"{report.error!r} from {report.broken!r}"
    assert report.runs >= 250
    assert report.steps > 20


def lock(data):
    """A bug behind four doors: blind chance would need billions of inputs."""
    for got, wanted in zip(data, b"mis!", strict=False):
        if got != wanted:
            return
    if len(data) >= 4:
        raise ZeroDivisionError


def test_coverage_leads_to_a_bug_and_the_input_is_cut_short(fuzz):
    target = fuzz.Target(lock, ("fuzz/test_fuzz",))
    report = fuzz.explore(target, runs=200_000, rng=random.Random(1))
    assert isinstance(report.error, ZeroDivisionError)
    assert report.broken == b"mis!"


def slow(data):
    """Quadratic work in the length of the input."""
    for _ in data:
        data.count(b"x")


def test_an_input_that_takes_too_long_is_a_bug_too(fuzz, monkeypatch):
    monkeypatch.setattr(fuzz, "MAX_SECONDS", 0.001)
    target = fuzz.Target(slow, (), seeds=(b"x" * fuzz.MAX_INPUT,))
    report = fuzz.explore(target, runs=5, rng=random.Random(1))
    assert isinstance(report.error, TimeoutError)


def test_what_broke_a_parser_is_written_down(fuzz, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(fuzz.TARGETS, "address", fuzz.Target(lock, (), tokens=(b"mis!",)))
    assert fuzz.main(["address", "--runs", "5000", "--seed", "1", "--crashes", str(tmp_path)]) == 1
    (crash,) = tmp_path.iterdir()
    assert crash.read_bytes() == b"mis!"
    assert "ZeroDivisionError" in capsys.readouterr().out
