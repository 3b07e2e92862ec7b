"""A configuration file gives the servers it names, and no file can do more than that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from namedpeers import SMTP_XML as SMTP
from namedpeers import autoconfig_xml as config
from namedpeers import server_xml as server

from misfin.email.account import Login, MailProtocol, MailServer, Protection
from misfin.email.discovery import DiscoveryError, read_autoconfig
from misfin.email.discovery.autoconfig import MAX_DEPTH, MAX_ELEMENTS, MAX_SIZE, autoconfig_urls


def read(data: bytes):
    return read_autoconfig(data, "ada", "example.org")


def test_the_servers_of_a_usual_file():
    found = read(config(server(), SMTP))
    assert found.incoming == MailServer(MailProtocol.IMAP, "imap.example.org", 993)
    assert found.outgoing == MailServer(MailProtocol.SMTP, "smtp.example.org", 465)
    assert (found.login, found.provider) == (Login.PASSWORD, "Example Mail")


def test_imap_comes_before_pop3_and_tls_before_starttls_and_then_the_files_own_order():
    found = read(
        config(
            server("pop3", "pop.example.org", 995),
            server("imap", "late.example.org", 143, "STARTTLS"),
            server("imap", "first.example.org"),
            server("imap", "second.example.org"),
            SMTP,
        )
    )
    assert found.incoming.host == "first.example.org"
    only = read(config(server("pop3", "pop.example.org", 110, "STARTTLS"), SMTP))
    assert only.incoming == MailServer(MailProtocol.POP3, "pop.example.org", 110, Protection.STARTTLS)


@pytest.mark.parametrize(
    ("written", "user"),
    [
        ("%EMAILADDRESS%", ""),
        ("%EMAILLOCALPART%", "ada"),
        ("%EMAILLOCALPART%@%EMAILDOMAIN%", ""),
        ("u-%EMAILLOCALPART%", "u-ada"),
        ("fixed", "fixed"),
    ],
)
def test_user_names_are_filled_in(written, user):
    assert read(config(server(user=written), SMTP)).incoming.user == user


@pytest.mark.parametrize(
    ("ways", "login"),
    [
        (("OAuth2", "password-cleartext"), Login.PASSWORD),
        (("OAuth2",), Login.OAUTH),
        (("password-encrypted",), Login.PASSWORD),
        (("none",), Login.PASSWORD),  # of the outgoing server then
    ],
)
def test_how_people_log_in(ways, login):
    assert read(config(server("imap", "imap.example.org", 993, "SSL", "x", *ways), SMTP)).login is login


@pytest.mark.parametrize(
    "bad",
    [
        server(socket="plain"),
        server(socket=""),
        server(port=0),
        server(port=65536),
        server(port="-1"),
        server(port="٩٩٣"),
        server(host="localhost"),
        server(host="imap.localhost"),
        server(host="127.0.0.1"),
        server(host="[::1]"),
        server(host="192.168.1.1"),
        server(host="intranet"),
        server(host="imap.example.org&#10;Evil: yes"),
        server(host="imap.example.org/x"),
        server(host="a" * 300 + ".example.org"),
        server(user="ada&#13;&#10;x") + "",
        server("imap", "imap.example.org", 993, "SSL", "x", "NTLM"),
        server("smtp", "imap.example.org").replace("outgoing", "incoming"),
        server("jmap"),
    ],
)
def test_a_server_that_cannot_be_used_is_passed_over(bad):
    if "ada&#13" in bad:  # the name is dropped, and the address is used as always
        assert read(config(bad, SMTP)).incoming.user == ""
        return
    with pytest.raises(DiscoveryError):
        read(config(bad, SMTP))
    assert read(config(bad, server("imap", "good.example.org"), SMTP)).incoming.host == "good.example.org"


BOMB = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not XML",
        b"<html><body>404</body></html>",
        config(SMTP),
        config(server()),
        config(server("imap", "&m;"), SMTP, before=BOMB + "]>"),
        config(server(), SMTP, before='<!DOCTYPE x SYSTEM "http://evil.example/x.dtd">'),
        config(server(), SMTP, before='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        config(server(host="&unknown;"), SMTP),
        config("<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH, server(), SMTP),
        config("<a/>" * MAX_ELEMENTS, server(), SMTP),
        config(server() * 40, SMTP),
        config(server(), SMTP) + b" " * MAX_SIZE,
        config(server(), SMTP).replace(b"?>", b' encoding="no-such"?>', 1),
        config(server(), SMTP).replace(b"?>", b' encoding="utf-16"?>', 1),
        config(server(), SMTP)[:-5],
    ],
)
def test_what_is_not_such_a_file_or_asks_too_much_is_refused(data):
    with pytest.raises(DiscoveryError):
        read(data)


def test_servers_outside_of_the_provider_do_not_count():
    data = config(SMTP).replace(b"</emailProvider>", f"</emailProvider>{server()}".encode())
    with pytest.raises(DiscoveryError):
        read(data)


def test_only_hosts_of_the_domain_are_asked_and_the_address_is_quoted():
    first, second = autoconfig_urls("a+b&c", "example.org")
    assert first == (
        "https://autoconfig.example.org/mail/config-v1.1.xml?emailaddress=a%2Bb%26c%40example.org"
    )
    assert second == "https://example.org/.well-known/autoconfig/mail/config-v1.1.xml"


_PIECES = st.sampled_from(
    [
        *(server(), SMTP, server("pop3"), "<a>", "</a>", "&lt;", "&#0;", "&x;", "<![CDATA[x]]>", "<!-- -->"),
        *("<hostname>", "</hostname>", "<incomingServer>", "</incomingServer>", "</emailProvider>", "\ud800"),
        *("<!DOCTYPE a>", "<?x y?>", "%EMAILADDRESS%", "\x1b[2J", "ü"),
    ]
)


@given(st.lists(_PIECES | st.text(max_size=20), max_size=12), st.binary(max_size=4))
def test_any_file_gives_safe_servers_or_one_kind_of_error(pieces, end):
    data = config(*pieces).decode("utf-8", "replace") if not _lone(pieces) else "".join(pieces)
    try:
        found = read(data.encode("utf-8", "replace") + end)
    except DiscoveryError:
        return
    for each in (found.incoming, found.outgoing):
        assert each.protection in (Protection.TLS, Protection.STARTTLS)
        assert each.host.isascii()
        assert each.host.isprintable()
        assert "." in each.host
        assert each.user.isprintable()
        assert 0 < each.port < 65536
    assert found.provider.isprintable()


def _lone(pieces):
    return any(0xD800 <= ord(char) < 0xE000 for piece in pieces for char in piece)
