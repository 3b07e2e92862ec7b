"""A receiver that is watched: figures for Prometheus, and a log that a program reads."""

from __future__ import annotations

import json
import logging
import re
import sys
import urllib.request

import pytest
from freeports import free_port

from misfin_tui import config
from misfin_tui.cli.logs import _AsJson


def test_figures_are_where_the_log_says_and_the_log_is_json(shell):
    shell.run("identity", "new", "ada@harbour.test")
    port = free_port()
    shell.settings(
        f'[operation]\nmetrics = "127.0.0.1:{port}"\nlog = "json"\n'
        '[gmap]\nenable = true\nlisten = ["127.0.0.1:0"]\n'
    )
    receiver = shell.receive("--listen", "127.0.0.1:0")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    assert "misfin_connections_open 0" in text
    assert "# TYPE misfin_gmap_answers_total counter" in text
    assert re.search(r"^process_resident_memory_bytes [1-9]", text, re.MULTILINE) or sys.platform != "linux"
    receiver.terminate()
    _, log = receiver.communicate(timeout=60)
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines[0]["message"] == f"Figures for Prometheus are at http://127.0.0.1:{port}/metrics"
    assert set(lines[0]) == {"time", "level", "logger", "message"}


def test_a_line_of_json_stays_one_line_whatever_is_in_it():
    try:
        raise ValueError("first\nsecond \x1b[31m")
    except ValueError:
        record = logging.LogRecord(
            "misfin.x", logging.ERROR, "f", 1, "a\nb \x1b]0;%s", ("é\x07",), sys.exc_info()
        )
    line = _AsJson().format(record)
    assert "\n" not in line
    assert "\\u001b" not in line
    said = json.loads(line)
    assert said["level"] == "error"
    assert "ValueError: first" in said["error"]


@pytest.mark.parametrize("where", ["0.0.0.0:9158", "192.0.2.1:9158", "9158", "host:9158"])
def test_figures_are_for_this_machine_only(where):
    with pytest.raises(config.ConfigError, match="line 2"):
        config.parse(f'[operation]\nmetrics = "{where}"')
