"""What the settings of a host for others mean for its receiver, and which are refused with a reason."""

from __future__ import annotations

import pytest

from misfin.errors import LocalError
from misfin.post.reception import HandOverSettings
from misfin_tui import config
from misfin_tui.cli.hosting import mailbox_settings
from misfin_tui.cli.receive import settings_of
from misfin_tui.paths import profile_at


def meant(tmp_path, text):
    return settings_of(profile_at(tmp_path), config.parse(text), ["127.0.0.1:0"])


def test_without_them_mail_is_kept_here_and_connections_are_what_they_are(tmp_path):
    found = meant(tmp_path, "")
    assert (found.hand_over, found.proxy) == (None, None)


def test_mail_goes_to_a_socket_or_a_port(tmp_path):
    assert meant(tmp_path, '[deliver]\nlmtp = "/run/dovecot/lmtp"').hand_over == HandOverSettings(
        "/run/dovecot/lmtp"
    )
    found = meant(tmp_path, '[deliver]\nlmtp = "[::1]:24"\ntimeout = 5.0').hand_over
    assert found == HandOverSettings(("::1", 24), 5.0)


def test_balancers_count_for_both_ports_and_have_to_be_named(tmp_path):
    text = '[proxy_protocol]\nenable = true\ntrusted_sources = ["192.0.2.10", "10.0.0.0/24"]'
    proxy = meant(tmp_path, text).proxy
    assert proxy is not None
    assert [proxy.covers(each) for each in ("192.0.2.10", "10.0.0.9", "10.0.1.9")] == [True, True, False]
    assert mailbox_settings(profile_at(tmp_path), config.parse(text)).proxy == proxy
    with pytest.raises(LocalError, match="no balancer is trusted"):
        meant(tmp_path, "[proxy_protocol]\nenable = true")


@pytest.mark.parametrize(
    "text",
    [
        '[deliver]\nlmtp = "dovecot"',
        '[deliver]\nlmtp = "run/lmtp"',
        "[deliver]\ntimeout = 0",
        '[proxy_protocol]\ntrusted_sources = ["balancer.example"]',
        '[proxy_protocol]\ntrusted_sources = ["10.0.0.1/8"]',
    ],
)
def test_what_cannot_be_meant_is_an_error_with_its_line(text):
    with pytest.raises(config.ConfigError, match="line 2"):
        config.parse(text)
