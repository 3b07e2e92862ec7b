"""The table of big mail providers is sound, and a provider is found by its domains, exchanges and servers."""

import pytest

from misfin.email.account import Protection
from misfin.email.providers import PROVIDERS, by_domain, by_exchange, by_server
from misfin.model.address import normal_hostname


def test_the_table_names_each_domain_once_and_only_hosts_in_their_normal_form():
    domains = [domain for each in PROVIDERS for domain in each.domains]
    exchanges = [host for each in PROVIDERS for host in each.exchanges]
    assert len(set(domains)) == len(domains)
    assert len(set(exchanges)) == len(exchanges)
    for host in (*domains, *exchanges, *(each.incoming.host for each in PROVIDERS)):
        assert normal_hostname(host) == host
    for each in PROVIDERS:
        assert each.incoming.protection is Protection.TLS or each.name == "Proton Mail"
        assert each.outgoing.protection is not Protection.NONE


@pytest.mark.parametrize(
    ("exchange", "name"),
    [
        ("aspmx.l.google.com", "Gmail"),
        ("gmail-smtp-in.l.google.com", "Gmail"),
        ("example-org.mail.protection.outlook.com", "Microsoft 365"),
        ("hotmail-com.olc.protection.outlook.com", "Outlook.com"),
        ("in1-smtp.messagingengine.com", "Fastmail"),
        ("mx01.mail.icloud.com", "iCloud"),
        ("mx.zoho.eu", "Zoho Europe for organizations"),
        ("mx1.mailbox.org", "mailbox.org"),
        ("notgoogle.com", None),
        ("google.com.evil.example", None),
        ("", None),
    ],
)
def test_an_exchange_leads_to_its_provider(exchange, name):
    found = by_exchange(exchange)
    assert (found.name if found else None) == name


def test_a_provider_is_known_by_its_domain_and_its_servers():
    assert by_domain("googlemail.com") is by_server("smtp.gmail.com") is by_exchange("google.com")
    assert by_domain("example.org") is by_server("imap.example.org") is None
