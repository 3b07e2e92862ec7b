"""The log-in mechanisms: the vectors of their RFCs, servers that cheat, and what a driver sees."""

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scramserver import ScramServer

from misfin.email.sasl import (
    Authenticator,
    ChannelBinding,
    Conversation,
    CramMD5Authenticator,
    Credentials,
    LoginAuthenticator,
    NoMechanismError,
    OAuth2Authenticator,
    OAuthBearerAuthenticator,
    PlainAuthenticator,
    SASLError,
    SASLInputError,
    SASLServerError,
    ScramSHA1Authenticator,
    ScramSHA256Authenticator,
    TokenCache,
    decode,
    encode,
    ranked,
    saslprep,
    strongest,
    without_waiting,
)


def b64(text: str) -> str:
    return encode(text.encode())


class Run:
    """A conversation driven without an event loop, in clear text."""

    def __init__(self, authenticator) -> None:
        self.conversation = Conversation(authenticator)
        self.first = decode(without_waiting(self.conversation.start())).decode()

    def says(self, challenge: str) -> str:
        return decode(without_waiting(self.conversation.answer(b64(challenge)))).decode()

    def accepts(self):
        without_waiting(self.conversation.accepted())


async def token() -> str:
    return "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"


# ---- vectors ----------------------------------------------------------------------------------------


def test_plain_is_the_example_of_rfc_4616():
    run = Run(PlainAuthenticator("tim", "tanstaaftanstaaf"))
    assert run.first == "\0tim\0tanstaaftanstaaf"
    run.accepts()
    assert Run(PlainAuthenticator("Kurt", "xipj3plmq", "Ursel")).first == "Ursel\0Kurt\0xipj3plmq"


def test_cram_md5_is_the_example_of_rfc_2195():
    run = Run(CramMD5Authenticator("tim", "tanstaaftanstaaf"))
    assert run.first == ""
    answer = run.says("<1896.697170952@postoffice.reston.mci.net>")
    assert answer == "tim b913a602c7eda7a495b4e6e7334d3890"
    run.accepts()


@pytest.mark.parametrize(
    ("kind", "nonce", "first", "server_first", "final", "server_final"),
    [
        (  # RFC 5802 §5
            ScramSHA1Authenticator,
            "fyko+d2lbbFgONRv9qkxdawL",
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (  # RFC 7677 §3
            ScramSHA256Authenticator,
            "rOprNGfwEbeRWgbNEkqO",
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
)
def test_scram_is_the_example_of_its_rfc(kind, nonce, first, server_first, final, server_final):
    run = Run(kind("user", "pencil", nonce=lambda: nonce))
    assert run.first == first
    assert run.says(server_first) == final
    assert run.says(server_final) == ""
    run.accepts()


def test_oauthbearer_is_the_example_of_rfc_7628():
    async def given_token():
        return "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="

    made = OAuthBearerAuthenticator("user@example.com", given_token, host="server.example.com", port=143)
    run = Run(made)
    assert run.first == (
        "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
        "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
    )
    run.accepts()


def test_xoauth2_is_the_example_of_its_documentation():
    start = without_waiting(Conversation(OAuth2Authenticator("someuser@example.com", token)).start())
    assert start == (
        "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRH"
        "RXVZMjl0Q2cBAQ=="
    )


@pytest.mark.parametrize(
    ("text", "prepared"),
    [  # RFC 4013 §3
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("\u00a0", " "),
        ("ключ", "ключ"),
        ("🐝", "🐝"),  # unassigned in Unicode 3.2: allowed in queries
        ("", ""),
    ],
)
def test_saslprep_is_the_examples_of_rfc_4013(text, prepared):
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "a\u0085b", chr(0xD800), "\u202e", "\ufffd"])
def test_saslprep_refuses_what_the_rfc_prohibits(text):
    with pytest.raises(SASLInputError):
        saslprep(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_saslprep_is_stable(text):
    try:
        once = saslprep(text)
    except SASLInputError:
        return
    assert saslprep(once) == once


# ---- SCRAM and servers that cheat -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("username", "password"), [("user", "pencil"), ("a=b,c", "ⅸ\u00ad\u00a0x"), ("ключ", "🐝,="), ("", "")]
)
def test_scram_logs_in_with_any_name_and_password(username, password):
    server = ScramServer(saslprep(password))
    run = Run(ScramSHA256Authenticator(username, password))
    final = run.says(server.first(run.first))
    assert run.says(server.final(final)) == ""
    run.accepts()


def test_scram_plus_is_bound_to_the_connection():
    binding = ChannelBinding("tls-server-end-point", b"\x01\x02")
    server = ScramServer(binding=binding.data)
    made = ScramSHA256Authenticator("user", "pencil", channel_binding=binding)
    assert made.mechanism == "SCRAM-SHA-256-PLUS"
    run = Run(made)
    assert run.first.startswith("p=tls-server-end-point,,")
    assert run.says(server.final(run.says(server.first(run.first)))) == ""
    run.accepts()


def test_a_server_without_plus_learns_that_the_client_could_have():
    made = ScramSHA256Authenticator("user", "pencil", channel_binding=ChannelBinding("x", b"y"), plus=False)
    assert made.mechanism == "SCRAM-SHA-256"
    assert Run(made).first.startswith("y,,")


def test_a_wrong_password_is_left_to_the_server_to_refuse():
    server = ScramServer("another")
    run = Run(ScramSHA256Authenticator("user", "pencil"))
    assert server.final(run.says(server.first(run.first))) == "e=invalid-proof"
    assert run.says("e=invalid-proof") == ""
    with pytest.raises(SASLServerError, match="refused the log-in and then accepted"):
        run.accepts()


def test_a_server_that_accepts_without_proving_itself_is_not_believed():
    run = Run(ScramSHA256Authenticator("user", "pencil"))
    run.says(ScramServer().first(run.first))
    with pytest.raises(SASLServerError, match="could not prove"):
        run.accepts()


def test_a_server_that_accepts_at_once_is_not_believed():
    run = Run(ScramSHA256Authenticator("user", "pencil"))
    with pytest.raises(SASLServerError):
        run.accepts()


@pytest.mark.parametrize("final", ["v=AAAA", "v=", "", "x=1", "v=not base64"])
def test_a_wrong_signature_of_the_server_ends_it(final):
    run = Run(ScramSHA256Authenticator("user", "pencil"))
    run.says(ScramServer().first(run.first))
    with pytest.raises(SASLServerError):
        run.says(final)


@pytest.mark.parametrize(
    "first",
    [
        "r={n}x,s=c2FsdA==,i=4095",
        "r={n}x,s=c2FsdA==,i=1",
        "r={n}x,s=c2FsdA==,i=1000001",
        "r={n}x,s=c2FsdA==,i=99999999999999999999",
        "r={n}x,s=c2FsdA==,i=-5000",
        "r={n}x,s=,i=4096",
        "r={n}x,s=!,i=4096",
        "r={n},s=c2FsdA==,i=4096",
        "r=x{n},s=c2FsdA==,i=4096",
        "r={n}x y,s=c2FsdA==,i=4096",
        "m=ext,r={n}x,s=c2FsdA==,i=4096",
        "s=c2FsdA==,r={n}x,i=4096",
        "e=other-error",
        "",
    ],
)
def test_a_first_message_that_is_not_as_it_should_be_gets_no_proof(first):
    made = ScramSHA256Authenticator("user", "pencil", nonce=lambda: "mine")
    run = Run(made)
    with pytest.raises(SASLServerError):
        run.says(first.format(n="mine"))


def test_an_extension_behind_the_iterations_is_ignored_but_signed():
    server = ScramServer()
    run = Run(ScramSHA256Authenticator("user", "pencil"))
    server.server_first = server.first(run.first) + ",z=new"
    assert run.says(server.final(run.says(server.server_first))) == ""
    run.accepts()


def test_nonces_differ_and_secrets_are_not_in_the_repr():
    made = ScramSHA256Authenticator("user", "pencil")
    assert len({Run(made).first for _ in range(20)}) == 20
    for each in (made, PlainAuthenticator("u", "pencil"), Credentials("u", "pencil")):
        assert "pencil" not in repr(each)


async def test_the_heavy_part_can_be_done_in_a_thread():
    threads = []

    async def derive(name, password, salt, iterations):
        threads.append(iterations)
        return await asyncio.to_thread(hashlib.pbkdf2_hmac, name, password, salt, iterations)

    server = ScramServer()
    made = strongest(["SCRAM-SHA-256"], Credentials("user", "pencil", derive=derive))
    conversation = Conversation(made)
    first = decode(await conversation.start()).decode()
    final = decode(await conversation.answer(b64(server.first(first)))).decode()
    assert await conversation.answer(b64(server.final(final))) == ""
    await conversation.accepted()
    assert threads == [4096]


# ---- LOGIN, OAuth -----------------------------------------------------------------------------------


@pytest.mark.parametrize("questions", [("Username:", "Password:"), ("User Name\0", "Password\0"), ("", "")])
def test_login_answers_name_and_password_in_this_order(questions):
    run = Run(LoginAuthenticator("tim", "søren"))
    assert run.first == ""
    assert [run.says(q) for q in questions] == ["tim", "søren"]
    run.accepts()


def test_a_third_question_is_not_answered():
    run = Run(LoginAuthenticator("tim", "secret"))
    run.says("Username:")
    run.says("Password:")
    with pytest.raises(SASLServerError, match="asks for more than LOGIN"):
        run.says("PIN:")


@pytest.mark.parametrize(("kind", "answer"), [(OAuth2Authenticator, ""), (OAuthBearerAuthenticator, "\x01")])
def test_a_refused_token_is_answered_and_its_reason_kept(kind, answer):
    made = kind("user@example.com", token)
    run = Run(made)
    assert run.says('{"status":"invalid_token","scope":"x"}') == answer
    assert made.refusal == "invalid_token"
    with pytest.raises(SASLServerError):
        run.accepts()


@pytest.mark.parametrize(
    "challenge", ["[]", "nonsense", '{"status":1}', '{"status":"\\u001b[2J"}', "[" * 5000]
)
def test_a_reason_that_is_none_is_not_taken_over(challenge):
    made = OAuth2Authenticator("user@example.com", token)
    Run(made).says(challenge)
    assert made.refusal == "refused"


@pytest.mark.parametrize("bad", ["", "a b", "a\r\nb", "a\x01auth=Bearer other"])
def test_a_token_that_could_end_its_field_is_refused(bad):
    async def given_token():
        return bad

    for kind in (OAuth2Authenticator, OAuthBearerAuthenticator):
        with pytest.raises(SASLInputError):
            Run(kind("user@example.com", given_token))


@pytest.mark.parametrize("name", ["a\x01b", "a\0b", "\ud800"])
def test_a_user_name_that_could_end_its_field_is_refused(name):
    for made in (OAuth2Authenticator(name, token), OAuthBearerAuthenticator(name, token)):
        with pytest.raises(SASLInputError):
            Run(made)


@pytest.mark.parametrize(
    "kind", [PlainAuthenticator, LoginAuthenticator, ScramSHA256Authenticator, CramMD5Authenticator]
)
@pytest.mark.parametrize(
    ("name", "password"), [("a\0b", "x"), ("a", "x\0y"), ("\ud800", "x"), ("a", "\udfff")]
)
def test_a_nul_or_half_a_character_is_refused(kind, name, password):

    def answer_twice():
        run = Run(kind(name, password))
        run.says("one")
        run.says("two")

    with pytest.raises(SASLInputError):
        answer_twice()


async def test_a_token_is_fetched_again_only_when_it_is_about_to_expire():
    now, fetched = 100.0, []

    async def fetch():
        fetched.append(now)
        return f"token{len(fetched)}", 3600.0

    cache = TokenCache(fetch, now=lambda: now, grace=60)
    assert await cache() == "token1"
    now = 100.0 + 3600 - 61
    assert await cache() == "token1"
    now = 100.0 + 3600 - 60
    assert await cache() == "token2"
    cache.clear()
    assert await cache() == "token3"
    assert len(fetched) == 3


def test_fetching_a_token_needs_an_event_loop():
    async def slow():
        await asyncio.sleep(0)
        return "token"

    with pytest.raises(SASLInputError, match="event loop"):
        Run(OAuth2Authenticator("user", slow))


# ---- one's own, and choosing ------------------------------------------------------------------------


class Foobar(Authenticator):
    """The smallest authenticator there can be."""

    @property
    def mechanism(self):
        return "FOOBAR"

    async def authenticate(self):
        yield "mysecret"


async def test_an_authenticator_of_ones_own_needs_a_name_and_a_generator():
    conversation = Conversation(Foobar())
    assert await conversation.start() == "mysecret"
    await conversation.accepted()
    with pytest.raises(SASLServerError):
        await conversation.answer("")


async def test_a_conversation_can_be_closed_at_any_point():
    for steps in range(3):
        conversation = Conversation(LoginAuthenticator("a", "b"))
        await conversation.start()
        for _ in range(steps):
            await conversation.answer("")
        await conversation.close()
        await conversation.close()


@pytest.mark.parametrize("challenge", ["*", "a", "ü", "===", "YQ==\r\n"])
def test_a_challenge_that_is_not_base64_is_the_servers_fault(challenge):
    for kind in (CramMD5Authenticator, ScramSHA1Authenticator):
        conversation = Conversation(kind("a", "b"))
        without_waiting(conversation.start())
        with pytest.raises(SASLServerError):
            without_waiting(conversation.answer(challenge))


ALL = [
    "CRAM-MD5",
    "LOGIN",
    "PLAIN",
    "SCRAM-SHA-1",
    "XOAUTH2",
    "OAUTHBEARER",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
    "GSSAPI",
]


def names(offered, **how):
    return [each.mechanism for each in ranked(offered, Credentials("user", **how))]


def test_the_strongest_is_chosen_first():
    binding = ChannelBinding("tls-server-end-point", b"x")
    both = names(ALL, password="p", get_token=token, channel_binding=binding, cram_md5=True)
    assert both == [
        "SCRAM-SHA-256-PLUS",
        "OAUTHBEARER",
        "XOAUTH2",
        "SCRAM-SHA-1",
        "PLAIN",
        "LOGIN",
        "CRAM-MD5",
    ]
    assert names(ALL, password="p") == ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"]
    assert names(ALL, get_token=token) == ["OAUTHBEARER", "XOAUTH2"]
    assert names(["plain", "Login"], password="p") == ["PLAIN", "LOGIN"]
    assert names(["CRAM-MD5"], password="p") == []


def test_what_cannot_work_is_said_in_a_sentence():
    with pytest.raises(
        NoMechanismError, match="The server offers GSSAPI; none of it works with a password"
    ) as e:
        strongest(["GSSAPI"], Credentials("user", "p"))
    assert e.value.offered == {"GSSAPI"}
    with pytest.raises(NoMechanismError, match="no way to log in"):
        strongest([], Credentials("user", "p"))


@given(st.lists(st.binary(max_size=60), max_size=4), st.integers(0, 6))
def test_no_challenge_raises_anything_but_a_documented_error(challenges, which):
    kinds = [PlainAuthenticator, LoginAuthenticator, CramMD5Authenticator, ScramSHA1Authenticator]
    made = (
        kinds[which]("user", "pencil")
        if which < len(kinds)
        else [OAuth2Authenticator, OAuthBearerAuthenticator, ScramSHA256Authenticator][which - 4]("u", token)
        if which < 6
        else ScramSHA256Authenticator("user", "pencil")
    )
    conversation = Conversation(made)
    try:
        without_waiting(conversation.start())
        for challenge in challenges:
            without_waiting(conversation.answer(encode(challenge)))
        without_waiting(conversation.accepted())
    except SASLError:
        pass
    finally:
        without_waiting(conversation.close())
