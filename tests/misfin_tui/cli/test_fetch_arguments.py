"""What ``fetch`` is told is read as argparse would, or left to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin_tui.cli.fetch_arguments import fetch_arguments
from misfin_tui.cli.parser import parse

WORDS = ["fetch", "--json", "--follow", "--until-eof", "--account", "--profile", "work", "/tmp/x", "-x", ""]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
def test_it_never_differs_from_argparse(arguments):
    found = fetch_arguments(arguments)
    if found is not None:
        assert vars(found).items() <= vars(parse(arguments)).items()


@pytest.mark.parametrize(
    "line",
    [
        "fetch",
        "fetch --json",
        "--json fetch --account work",
        "--profile /tmp/x fetch --follow --until-eof",
        "fetch --account fetch",
    ],
)
def test_the_usual_spellings_need_no_argparse(line):
    assert fetch_arguments(line.split()) is not None


@pytest.mark.parametrize(
    "line", ["", "fetch --help", "fetch --acc work", "fetch --account=work", "fetch --account", "mail fetch"]
)
def test_all_others_are_left_to_it(line):
    assert fetch_arguments(line.split()) is None
