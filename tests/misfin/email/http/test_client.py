"""One HTTPS request: only trusted certificates, only HTTPS, and never longer or larger than allowed."""

import asyncio

import pytest
from endless import write_without_end
from namedpeers import NOT_FOUND, Hosts, https_server, ok, redirect, tls_for
from smtppeers import listening

from misfin.email.http import HttpError, HttpsClient
from misfin.errors import DeliveryError

NAMES = ("one.example", "two.example")


def client(hosts, **how) -> HttpsClient:
    return HttpsClient(context=tls_for(*NAMES)[1], reach=hosts, **{"timeout": 10.0, **how})


async def test_a_file_is_got_and_a_form_is_posted():
    asked = []

    def answer(host, path, body):
        asked.append((host, path, body))
        return ok(b"hello")

    async with https_server(answer, tls_for(*NAMES)[0]) as port:
        hosts = Hosts({("one.example", 443): port})
        assert (await client(hosts).get("https://one.example/a?b=c")).body == b"hello"
        assert (await client(hosts).post("https://one.example/t", b"x=y", "text/plain")).status == 200
    assert asked == [("one.example", "/a?b=c", b""), ("one.example", "/t", b"x=y")]


async def test_redirects_are_followed_three_times_and_only_on_https():
    def answer(host, path, body):
        count = int(path[1:])
        return redirect(f"https://two.example/{count - 1}") if count else ok(b"there")

    async with https_server(answer, tls_for(*NAMES)[0]) as port:
        hosts = Hosts({(name, 443): port for name in NAMES})
        assert (await client(hosts).get("https://one.example/3")).body == b"there"
        with pytest.raises(HttpError, match="redirects"):
            await client(hosts).get("https://one.example/4")


@pytest.mark.parametrize(
    "target",
    [
        "http://two.example/",
        "//two.example:99999/",
        "ftp://two.example/",
        "file:///etc/passwd",
        "https://user:secret@two.example/",
        "https://two.example/\x1b[2J",
        "https://[::1/",
    ],
)
async def test_a_redirect_elsewhere_is_refused_before_anybody_is_asked(target):
    async with https_server(lambda *_: redirect(target), tls_for(*NAMES)[0]) as port:
        hosts = Hosts({("one.example", 443): port})
        with pytest.raises(HttpError):
            await client(hosts).get("https://one.example/")
    assert hosts.asked == [("one.example", 443)]


async def test_a_posted_secret_follows_no_redirect():
    async with https_server(lambda *_: redirect("https://two.example/"), tls_for(*NAMES)[0]) as port:
        hosts = Hosts({("one.example", 443): port})
        assert (await client(hosts).post("https://one.example/", b"secret", "text/plain")).status == 302
    assert hosts.asked == [("one.example", 443)]


async def test_a_certificate_for_another_name_or_by_nobody_known_is_refused():
    async with https_server(lambda *_: NOT_FOUND, tls_for("other.example")[0]) as port:
        hosts = Hosts({("one.example", 443): port})
        with pytest.raises(HttpError, match="not trusted"):
            await client(hosts).get("https://one.example/")


async def test_a_silent_server_and_a_dripping_one_cost_no_more_than_the_time_allowed():
    async def silent(reader, writer):
        await asyncio.sleep(60)

    async def dripping(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.05)

    for serve in (silent, dripping):
        async with listening(serve, ssl=tls_for(*NAMES)[0]) as port:
            hosts = Hosts({("one.example", 443): port})
            with pytest.raises(HttpError, match="within"):
                await client(hosts, timeout=0.4).get("https://one.example/")


async def test_an_endless_body_is_cut_off():
    async def endless(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await write_without_end(writer, b"x" * 10_000)

    async with listening(endless, ssl=tls_for(*NAMES)[0]) as port:
        with pytest.raises(HttpError, match="too large"):
            await client(Hosts({("one.example", 443): port})).get("https://one.example/")


async def test_nobody_there_and_a_closed_connection_are_errors_of_their_kind():
    with pytest.raises(DeliveryError):
        await client(Hosts()).get("https://one.example/")

    async def closing(reader, writer):
        writer.close()

    async with listening(closing, ssl=tls_for(*NAMES)[0]) as port:
        with pytest.raises(HttpError):
            await client(Hosts({("one.example", 443): port})).get("https://one.example/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://one.example:{port}/"])
async def test_http_without_tls_is_for_a_provider_on_this_machine_that_somebody_allowed(url):
    async with https_server(lambda *_: ok(b"hello"), None) as port:
        hosts = Hosts({("127.0.0.1", port): port, ("one.example", port): port})
        url = url.format(port=port)
        with pytest.raises(HttpError, match="HTTPS"):
            await client(hosts).get(url)
        if "127.0.0.1" in url:
            assert (await client(hosts, plain_loopback=True).get(url)).body == b"hello"
        else:
            with pytest.raises(HttpError, match="HTTPS"):
                await client(hosts, plain_loopback=True).get(url)
