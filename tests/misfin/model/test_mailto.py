"""``mailto:`` links: what RFC 6068 shows, and what a stranger could try."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from misfin.errors import AddressError
from misfin.model.mailto import MAX_LINK, MAX_PEOPLE, MailtoLink, is_mailto, parse_mailto


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("mailto:chris@example.com", MailtoLink(("chris@example.com",))),
        (
            "mailto:infobot@example.com?subject=current-issue",
            MailtoLink(("infobot@example.com",), subject="current-issue"),
        ),
        (
            "mailto:infobot@example.com?body=send%20current-issue%0D%0Asend%20index",
            MailtoLink(("infobot@example.com",), body="send current-issue\nsend index"),
        ),
        (
            "mailto:list@example.org?In-Reply-To=%3C3469A91.D10AF4C@example.com%3E",
            MailtoLink(("list@example.org",), in_reply_to="<3469A91.D10AF4C@example.com>"),
        ),
        (
            "mailto:joe@example.com?cc=bob@example.com&body=hello",
            MailtoLink(("joe@example.com",), ("bob@example.com",), body="hello"),
        ),
        (
            "mailto:?to=joe@example.com&cc=bob@example.com&body=hello",
            MailtoLink(("joe@example.com",), ("bob@example.com",), body="hello"),
        ),
        (
            "mailto:addr1@an.example?to=addr2@an.example",
            MailtoLink(("addr1@an.example", "addr2@an.example")),
        ),
        (
            "mailto:addr1@an.example%2C%20addr2@an.example",
            MailtoLink(("addr1@an.example", "addr2@an.example")),
        ),
        ("mailto:gorby%25kremvax@example.com", MailtoLink(("gorby%kremvax@example.com",))),
        (
            "mailto:user@example.org?subject=caf%C3%A9&body=caf%C3%A9",
            MailtoLink(("user@example.org",), subject="café", body="café"),
        ),
        ("MAILTO:a@b.example?SUBJECT=x", MailtoLink(("a@b.example",), subject="x")),
        ("mailto:a+b@c.example?subject=1+1%2B1", MailtoLink(("a+b@c.example",), subject="1+1+1")),
        (
            "mailto:a@b.example?subject=100%&body=%zz",
            MailtoLink(("a@b.example",), subject="100%", body="%zz"),
        ),
    ],
)
def test_a_link_is_read_as_rfc_6068_says(link, found):
    assert is_mailto(link)
    assert parse_mailto(link) == found


@pytest.mark.parametrize(
    "name", ["attach", "Attachment", "from", "x-mailer", "content-type", "keywords", "%61ttach"]
)
def test_no_other_field_is_taken(name):
    found = parse_mailto(f"mailto:a@b.example?{name}=/etc/passwd&subject=x")
    assert "/etc/passwd" not in str(found)
    assert len(found.ignored) == 1


def test_a_subject_cannot_begin_another_field():
    found = parse_mailto("mailto:a@b.example?subject=x%0D%0ABcc:%20all@c.example&bcc=%0Aone@c.example")
    assert found.subject == "x Bcc: all@c.example"
    assert found.bcc == ("one@c.example",)


@pytest.mark.parametrize("link", ["misfin:a@b.example", "a@b.example", "", "mailto:" + "x" * MAX_LINK])
def test_another_link_is_refused(link):
    with pytest.raises(AddressError):
        parse_mailto(link)


def test_a_crowd_is_cut_off():
    found = parse_mailto("mailto:" + ",".join(f"a{number}@b.example" for number in range(3000)))
    assert len(found.to) == MAX_PEOPLE


@pytest.mark.parametrize("text", ["<a b>", "<a><b>", "<a", "a>", "<>", "", "<ä@b>", "<a@b>%0D%0AX: y"])
def test_what_is_not_a_message_id_is_not_replied_to(text):
    assert parse_mailto(f"mailto:?in-reply-to={text}").in_reply_to == ""


@given(st.text(max_size=300))
def test_any_link_gives_text_without_control_characters(text):
    found = parse_mailto("mailto:" + text)
    one_line = (*found.to, *found.cc, *found.bcc, found.subject, found.in_reply_to)
    assert not any(char < " " or "\x7f" <= char < "\xa0" for part in one_line for char in part)
    assert not set(map(ord, found.body)) & (set(range(32)) - {9, 10})


@given(
    st.lists(st.from_regex(r"[a-z.%+]{1,9}@[a-z]{1,9}\.example", fullmatch=True), max_size=4, unique=True),
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40),
    st.text(st.one_of(st.characters(exclude_categories=["C"]), st.just("\n")), max_size=80),
)
def test_what_is_written_into_a_link_is_read_back(to, subject, body):
    link = f"mailto:{','.join(quote(each) for each in to)}?subject={quote(subject)}&body={quote(body)}"
    found = parse_mailto(link)
    assert (found.to, found.subject, found.body) == (tuple(to), subject, body)
