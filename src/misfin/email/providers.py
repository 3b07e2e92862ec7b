"""Big providers: their domains, where their mail is sent to, their servers, and how people log in. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from misfin.email.account import Login, MailServer, parse_server


@dataclass(frozen=True, slots=True)
class MailProvider:
    """One provider. ``domains`` are those of addresses, ``exchanges`` those its MX records lead to."""

    name: str
    incoming: MailServer
    outgoing: MailServer
    domains: frozenset[str] = frozenset()
    exchanges: tuple[str, ...] = ()
    login: Login = Login.PASSWORD
    advice: str = ""


_APP_PASSWORD = "Create an app password in the settings of your account and use that here."  # noqa: S105 - advice
_OWN_CLIENT = "Log in with OAuth (docs/oauth.md says how to get a client ID), or with an app password."
_BRIDGE = "Proton Bridge has to run on this machine; it shows the password to use."


def _provider(
    name: str,
    incoming: str,
    outgoing: str,
    *,
    domains: str = "",
    exchanges: str = "",
    login: Login = Login.PASSWORD,
    advice: str = "",
) -> MailProvider:
    servers = parse_server(incoming), parse_server(outgoing)
    return MailProvider(name, *servers, frozenset(domains.split()), tuple(exchanges.split()), login, advice)


PROVIDERS = (
    _provider(
        "Gmail",
        "imaps://imap.gmail.com",
        "smtps://smtp.gmail.com",
        domains="gmail.com googlemail.com",
        exchanges="google.com googlemail.com",
        login=Login.OAUTH,
        advice=_OWN_CLIENT,
    ),
    _provider(
        "Outlook.com",
        "imaps://outlook.office365.com",
        "smtp://smtp-mail.outlook.com",
        domains=(
            "outlook.com hotmail.com live.com msn.com outlook.de outlook.fr outlook.es outlook.it outlook.jp"
            " hotmail.de hotmail.fr hotmail.es hotmail.it hotmail.co.uk hotmail.co.jp live.de live.fr live.nl"
            " live.it live.co.uk live.se live.dk live.ca live.be live.com.au outlook.com.br passport.com"
        ),
        exchanges="olc.protection.outlook.com",
        login=Login.OAUTH,
        advice="Log in with OAuth; docs/oauth.md says how to get a client ID.",
    ),
    _provider(
        "Microsoft 365",
        "imaps://outlook.office365.com",
        "smtp://smtp.office365.com",
        exchanges="mail.protection.outlook.com mx.microsoft",
        login=Login.OAUTH,
        advice="Log in with OAuth; docs/oauth.md says how to get a client ID.",
    ),
    _provider(
        "Fastmail",
        "imaps://imap.fastmail.com",
        "smtps://smtp.fastmail.com",
        domains="fastmail.com fastmail.fm fastmail.net fastmail.org fastmail.us fastmail.de fastmail.co.uk",
        exchanges="messagingengine.com",
        advice=_APP_PASSWORD,
    ),
    _provider(
        "iCloud",
        "imaps://imap.mail.me.com",
        "smtp://smtp.mail.me.com",
        domains="icloud.com me.com mac.com",
        exchanges="mail.icloud.com",
        advice=_APP_PASSWORD,
    ),
    _provider(
        "Yahoo",
        "imaps://imap.mail.yahoo.com",
        "smtps://smtp.mail.yahoo.com",
        domains=(
            "yahoo.com ymail.com rocketmail.com myyahoo.com yahoo.co.uk yahoo.de yahoo.fr yahoo.it yahoo.es"
            " yahoo.ca yahoo.co.in yahoo.in yahoo.com.br yahoo.com.au yahoo.com.mx yahoo.com.ar yahoo.ie"
            " yahoo.gr yahoo.se yahoo.no yahoo.dk yahoo.ro"
        ),
        exchanges="yahoodns.net",
        advice=_APP_PASSWORD,
    ),
    _provider(
        "GMX",
        "imaps://imap.gmx.net",
        "smtps://mail.gmx.net",
        domains="gmx.net gmx.de gmx.at gmx.ch gmx.eu gmx.org gmx.info gmx.biz",
        exchanges="gmx.net",
        advice="Allow POP3 and IMAP in the settings of your account first.",
    ),
    _provider(
        "GMX.com",
        "imaps://imap.gmx.com",
        "smtps://mail.gmx.com",
        domains="gmx.com gmx.us gmx.co.uk gmx.fr gmx.es gmx.it",
        exchanges="gmx.com",
        advice="Allow POP3 and IMAP in the settings of your account first.",
    ),
    _provider(
        "Posteo",
        "imaps://posteo.de",
        "smtps://posteo.de",
        domains="posteo.de posteo.net posteo.org posteo.eu posteo.at posteo.ch posteo.me posteo.us posteo.uk",
        exchanges="posteo.de",
    ),
    _provider(
        "mailbox.org",
        "imaps://imap.mailbox.org",
        "smtps://smtp.mailbox.org",
        domains="mailbox.org",
        exchanges="mailbox.org",
    ),
    _provider(
        "Proton Mail",
        "imap://127.0.0.1:1143",
        "smtp://127.0.0.1:1025",
        domains="proton.me protonmail.com protonmail.ch pm.me",
        exchanges="protonmail.ch",
        advice=_BRIDGE,
    ),
    _provider(
        "Zoho",
        "imaps://imap.zoho.com",
        "smtps://smtp.zoho.com",
        domains="zoho.com zohomail.com",
    ),
    _provider(
        "Zoho for organizations",
        "imaps://imappro.zoho.com",
        "smtps://smtppro.zoho.com",
        exchanges="zoho.com",
    ),
    _provider(
        "Zoho Europe",
        "imaps://imap.zoho.eu",
        "smtps://smtp.zoho.eu",
        domains="zoho.eu zohomail.eu",
    ),
    _provider(
        "Zoho Europe for organizations",
        "imaps://imappro.zoho.eu",
        "smtps://smtppro.zoho.eu",
        exchanges="zoho.eu",
    ),
    _provider(
        "Yandex",
        "imaps://imap.yandex.com",
        "smtps://smtp.yandex.com",
        domains="yandex.com yandex.ru ya.ru yandex.by yandex.kz yandex.ua yandex.com.tr narod.ru",
        exchanges="yandex.net yandex.ru",
        advice=_APP_PASSWORD,
    ),
)
"""Providers in the order they are asked about; of two that fit an MX, the first."""


def by_domain(domain: str) -> MailProvider | None:
    """The provider whose addresses are at a domain."""
    return next((each for each in PROVIDERS if domain in each.domains), None)


def by_exchange(host: str) -> MailProvider | None:
    """The provider that a host from an MX record belongs to."""
    return next(
        (each for each in PROVIDERS if any(is_within(host, domain) for domain in each.exchanges)), None
    )


def by_server(host: str) -> MailProvider | None:
    """The provider that a mail server belongs to."""
    return next((each for each in PROVIDERS if host in (each.incoming.host, each.outgoing.host)), None)


def is_within(host: str, domain: str) -> bool:
    """Whether a host belongs to a domain; both are in their normal forms."""
    return host == domain or host.endswith(f".{domain}")
