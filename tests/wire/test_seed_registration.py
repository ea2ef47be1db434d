"""The tutorial of 2007, chapter 4: a phone registers with the right password, with a wrong one, with a stolen
one.

Every message is looked at: status, reason, Vias, branches, Call-ID, challenge; and the location table as the
document prints it.
"""

from __future__ import annotations

import re

import pytest

from tests.harness.document import BudgeTone, DocumentBox

pytestmark = pytest.mark.mariadb

LOCATION = "select id,username,contact,user_agent from location;"
NONE_REGISTERED = ""


def received(phone: BudgeTone) -> list[tuple[int, str]]:
    return [(message.status, message.reason) for message in phone.received()]


def rows(box: DocumentBox) -> str:
    """The location table as the document prints it, with every id as 12."""
    return re.sub(r"(?m)^\| +\d+ \|", "| 12 |", box.query(LOCATION))


def row(phone: BudgeTone) -> str:
    """The document's table of chapter 4.2.4, with this phone in it."""
    values = (phone.user, phone.contact, "Grandstream BT110 1.0.8.33")
    names = ("username", "contact", "user_agent")
    widths = [max(len(name), len(value)) for name, value in zip(names, values, strict=True)]
    rule = "+----+" + "".join("-" * (width + 2) + "+" for width in widths)
    lines = [
        f"| {first} |" + "".join(f" {cell:<{width}} |" for cell, width in zip(cells, widths, strict=True))
        for first, cells in (("id", names), ("12", values))
    ]
    return "\n".join([rule, lines[0], rule, lines[1], rule, ""])


def test_the_right_password(document: DocumentBox) -> None:
    with document.budge_tone("10") as ten:
        (first, challenged), (second, accepted) = ten.exchange(ten.registration())

        # Two transactions: each has its branch, and its replies have the same Vias.
        assert first.branches != second.branches
        for request, response in ((first, challenged), (second, accepted)):
            assert len(response.all("Via")) == 1
            assert response.all("Via") == request.all("Via")
            assert response.cseq == request.cseq
            assert response.get("From") == request.get("From")
        # One Call-ID throughout, as it was chosen by the phone.
        assert {message.call_id for message in (first, challenged, second, accepted)} == {first.call_id}

        assert (challenged.status, challenged.reason) == (401, "Unauthorized")
        assert re.fullmatch(
            r'Digest realm="127\.0\.0\.1", nonce="[^"]{16,}"', challenged.get("WWW-Authenticate")
        )
        assert challenged.tag("To") and first.tag("To") is None
        assert not challenged.has("Contact")

        assert (accepted.status, accepted.reason) == (200, "OK")
        assert accepted.all("Contact") == [f"<{ten.contact}>;expires=150"]
        assert accepted.tag("To") not in (None, challenged.tag("To"))

        assert received(ten) == [
            (100, "Trying to Register"),
            (401, "Unauthorized"),
            (100, "Trying to Register"),
            (200, "OK"),
        ]
        assert rows(document) == row(ten)


def test_a_wrong_password(document: DocumentBox) -> None:
    with document.budge_tone("10") as ten, document.budge_tone("11", "not abc11") as eleven:
        ten.exchange(ten.registration())
        attempts = eleven.exchange(eleven.registration())

        # It abandons after two failed responses: three requests, each its own transaction.
        assert [response.status for _, response in attempts] == [401, 401, 401]
        requests = [request for request, _ in attempts]
        assert [request.has("Authorization") for request in requests] == [False, True, True]
        assert len({request.branches[0] for request in requests}) == 3
        assert {response.call_id for _, response in attempts} == {requests[0].call_id}
        for _, response in attempts:
            assert "stale" not in response.get("WWW-Authenticate")

        # Its contact is not stored: only 10 is there.
        assert rows(document) == row(ten)


def test_both_phones_in_the_location_table(document: DocumentBox) -> None:
    with document.budge_tone("10") as ten, document.budge_tone("11") as eleven:
        for phone in (eleven, ten):
            assert phone.exchange(phone.registration())[-1][1].status == 200
        table = document.sql("select username,contact,user_agent from location")
        assert sorted(tuple(str(cell) for cell in line) for line in table) == [
            ("10", ten.contact, "Grandstream BT110 1.0.8.33"),
            ("11", eleven.contact, "Grandstream BT110 1.0.8.33"),
        ]


def test_stolen_credentials_register_nobody(document: DocumentBox) -> None:
    """Chapter 4.2.5: a good Authorization of 10, intercepted, under the name of 11 (check_to)."""
    with document.budge_tone("10") as ten, document.budge_tone("11") as thief:
        stolen = ten.exchange(ten.registration())[-1][0].get("Authorization")
        forged = thief.registration().with_header("Authorization", stolen)
        refused = thief.exchange(forged)
        # As the script says: 401, and no challenge that would invite another attempt.
        assert [(reply.status, reply.reason) for _, reply in refused] == [(401, "Unauthorized")]
        assert rows(document) == row(ten)


def test_the_right_password_today(modern: DocumentBox) -> None:
    with modern.budge_tone("10") as ten:
        (first, challenged), (second, accepted) = ten.exchange(ten.registration())
        assert received(ten) == [(401, "Unauthorized"), (200, "OK")]
        assert re.fullmatch(
            r'Digest realm="127\.0\.0\.1", nonce="[^"]{16,}", qop="auth"',
            challenged.get("WWW-Authenticate"),
        )
        assert challenged.all("Via") == first.all("Via")
        assert accepted.all("Via") == second.all("Via") != first.all("Via")
        assert rows(modern) == row(ten)


def test_a_wrong_password_today(modern: DocumentBox) -> None:
    with modern.budge_tone("11", "not abc11") as eleven:
        attempts = eleven.exchange(eleven.registration())
        assert [response.status for _, response in attempts] == [401, 401, 401]
        assert rows(modern) == NONE_REGISTERED


def test_an_intercepted_response_is_a_replay_today(modern: DocumentBox) -> None:
    """With qop a response is good once: who intercepts it comes too late even for that name."""
    with modern.budge_tone("10") as ten, modern.budge_tone("10", "unknown to the thief") as thief:
        stolen = ten.exchange(ten.registration())[-1][0].get("Authorization")
        ((_, refused),) = thief.exchange(thief.registration().with_header("Authorization", stolen), answers=0)
        assert refused.status == 401
        assert "stale=true" in refused.get("WWW-Authenticate")
        assert rows(modern) == row(ten)


def test_somebody_elses_name_today(modern: DocumentBox) -> None:
    """10 answers the challenge with his own password, and asks for 11's address."""
    with modern.budge_tone("10") as ten:
        request = ten.registration().with_header("To", "<sip:11@127.0.0.1>")
        (_, challenged), (_, refused) = ten.exchange(request)
        assert challenged.status == 401
        assert (refused.status, refused.reason) == (403, "Authentication and To-Header Mismatch")
        assert rows(modern) == NONE_REGISTERED
