"""The tutorial of 2007, set up: its subscribers by its own SQL, its Budge Tone phones, its printouts.

"SIP proxy with a user location database and authentication of registration and call setup requests" shows an
OpenSER 1.2 with MySQL and two phones, 10 and 11. Here both phones share the proxy's address, 127.0.0.1, and
differ by their ports.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.harness.mariadb import MariaDB
from tests.harness.message import Message
from tests.harness.phone import Phone
from tests.harness.settings import Sections
from tests.harness.sipbox import Sipbox

USER_AGENT = "Grandstream BT110 1.0.8.33"

# Chapter 4.2.1, statement by statement. Between the two inserts the first row's phplib_id has to change,
# because it is unique and '' by default.
SUBSCRIBERS = """
insert into subscriber (username,password) VALUES ('10','abc10');
update subscriber set phplib_id='070418-1235-aa' where id='2';
insert into subscriber (username,password,phplib_id) values ('11','abc11','070418-1256-aa');
"""


class BudgeTone(Phone):
    """A phone as it was in 2007: it knows no rport, says who made it, gives up after two wrong answers."""

    def via(self, branch: str | None = None) -> str:
        branch = branch or f"z9hG4bK{secrets.token_hex(8)}"
        return f"SIP/2.0/UDP {self.address}:{self.port};branch={branch}"

    def request(self, method: str, uri: str, **options: Any) -> Message:
        headers = [*options.pop("headers", ()), ("User-Agent", USER_AGENT)]
        return super().request(method, uri, headers=headers, **options)

    def registration(self, **options: Any) -> Message:
        """Its first REGISTER, without credentials."""
        return self.request(
            "REGISTER",
            f"sip:{self.domain}",
            to=f"<{self.aor}>",
            headers=[("Expires", "150")],
            **options,
        )

    def exchange(self, request: Message, answers: int = 2) -> list[tuple[Message, Message]]:
        """A request and its final response, again with credentials when challenged, up to ``answers`` times.

        An INVITE's refusals are acknowledged.
        """
        done = []
        while True:
            self.send(request)
            response = self.final(request)
            done.append((request, response))
            if request.method == "INVITE" and response.status >= 300:
                self.send(self.ack(request, response))
            challenged = response.has("WWW-Authenticate") or response.has("Proxy-Authenticate")
            if not challenged or len(done) > answers:
                return done
            request = self.authorized(request, response)


class DocumentBox(Sipbox):
    """sipbox on a database of its own in ``mariadb``, with the document's two subscribers.

    ``profile`` 'openser12' gives the replies that the document shows.
    """

    def __init__(
        self,
        mariadb: MariaDB,
        *,
        profile: str = "openser12",
        settings: Sections | None = None,
        trace: bool = False,
    ) -> None:
        self.mariadb = mariadb
        self.database = f"openser_{secrets.token_hex(4)}"
        super().__init__(mariadb.url(self.database), settings=settings, trace=trace)
        self.write_settings({"sip": {"profile": profile}})

    @property
    def environment(self) -> dict[str, str]:
        # The trace goes to a file here, and has colours all the same.
        return super().environment | {"FORCE_COLOR": "1"}

    def create_database(self) -> None:
        super().create_database()
        self.query(SUBSCRIBERS)

    def query(self, statement: str) -> str:
        """What the ``mysql`` client of the document prints for a statement."""
        return self.mariadb.client(statement, "--table", database=self.database)

    def forget_phones(self) -> None:
        """Both phones leave: the location table is empty again."""
        for user in ("10", "11"):
            with self.budge_tone(user) as phone:
                leaving = phone.registration(contact="*").with_header("Expires", "0")
                assert phone.exchange(leaving)[-1][1].status == 200
        assert self.sql("select count(*) from location") == [(0,)]

    def budge_tone(self, user: str, password: str | None = None) -> BudgeTone:
        password = f"abc{user}" if password is None else password
        return BudgeTone(user, password, proxy=self.address, domain=self.domain)


class Printed(NamedTuple):
    """One entry of the trace, as it was printed."""

    way: str  # "received udp:127.0.0.1:5062 -> udp:127.0.0.1:5060"; "" for a note
    headline: str
    text: str  # the message, without its colours; a note's words
    colours: frozenset[str]  # every colour that stands before a line of it

    @property
    def message(self) -> Message:
        head, _, body = self.text.partition("\n\n")
        return Message.parse(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body.encode())

    def came_from(self, port: int) -> bool:
        """Whether it arrived from that port of 127.0.0.1."""
        return self.way.startswith(f"received udp:127.0.0.1:{port} -> ")


GREEN, CYAN, RED = "\x1b[30;42m", "\x1b[30;46m", "\x1b[31m"

_WAY = r"(?:\x1b\[2m)?\d\d:\d\d:\d\d\.\d{3} (?P<way>\w+ \S+ -> \S+?)(?:\x1b\[22m)?\n"
_ENTRY = re.compile(
    rf"^{_WAY}\d+\(\d+\) (?P<headline>.*)\n(?P<message>(?:.+\n|\n(?=\x1b\[30;4)|\n(?=[a-z]=))*)"
    r"|^\d+\(\d+\) (?P<ink>\x1b\[\d+m)(?P<note>.*)\x1b\[39;49m$",
    re.MULTILINE,
)
_COLOUR = re.compile(r"^(\x1b\[[\d;]+m)", re.MULTILINE)
_ANY_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def printed(log: str) -> Iterator[Printed]:
    """The entries of a coloured trace."""
    for found in _ENTRY.finditer(log):
        if found["note"] is not None:
            yield Printed("", found["note"], found["note"], frozenset({found["ink"]}))
        else:
            text = found["message"]
            colours = frozenset(_COLOUR.findall(text))
            yield Printed(found["way"], found["headline"], _ANY_COLOUR.sub("", text).strip("\n"), colours)
