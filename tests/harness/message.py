"""SIP messages as text, for the tests' own phones.

These few lines share nothing with the program, so that a test does not trust what it tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
    "c": "content-type", "s": "subject", "k": "supported", "e": "content-encoding", "o": "event",
}  # fmt: skip


@dataclass(frozen=True)
class Message:
    """A SIP message: its first line, its header lines in order, its body."""

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @staticmethod
    def parse(data: bytes) -> Message:
        head, separator, body = data.partition(b"\r\n\r\n")
        assert separator, f"no empty line after the headers: {data!r}"
        start_line, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        headers: list[tuple[str, str]] = []
        for line in lines:
            if line[:1] in " \t":
                name, value = headers.pop()
                headers.append((name, f"{value} {line.strip()}"))
                continue
            name, colon, value = line.partition(":")
            assert colon, f"a header line without a colon: {line!r}"
            headers.append((name.strip(), value.strip()))
        return Message(start_line, tuple(headers), body)

    def __str__(self) -> str:
        return self.encode().decode("utf-8", "replace")

    def encode(self) -> bytes:
        lines = [self.start_line, *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + self.body

    @property
    def is_request(self) -> bool:
        return not self.start_line.startswith("SIP/2.0 ")

    @property
    def method(self) -> str:
        """The request's method, or that of the request which a response answers."""
        return self.start_line.split(" ", 1)[0] if self.is_request else self.cseq[1]

    @property
    def uri(self) -> str:
        return self.start_line.split(" ")[1]

    @property
    def status(self) -> int:
        return 0 if self.is_request else int(self.start_line.split(" ")[1])

    @property
    def reason(self) -> str:
        return self.start_line.split(" ", 2)[2]

    def all(self, name: str) -> list[str]:
        """The values of that header in order, with the comma lists of Via, Contact and routes taken apart."""
        wanted = name.lower()
        values = [
            value for given, value in self.headers if _COMPACT.get(given.lower(), given.lower()) == wanted
        ]
        if wanted in ("via", "route", "record-route", "contact"):
            return [part for value in values for part in _split_commas(value)]
        return values

    def get(self, name: str) -> str:
        """The first value of that header; AssertionError when there is none."""
        values = self.all(name)
        assert values, f"no {name} in:\n{self}"
        return values[0]

    def has(self, name: str) -> bool:
        return bool(self.all(name))

    @property
    def cseq(self) -> tuple[int, str]:
        number, method = self.get("CSeq").split()
        return int(number), method

    @property
    def call_id(self) -> str:
        return self.get("Call-ID")

    @property
    def branches(self) -> list[str]:
        """The branch of each Via, topmost first."""
        return [parameter(via, "branch") or "" for via in self.all("Via")]

    def tag(self, header: str) -> str | None:
        """The tag of From or To."""
        return parameter(self.get(header), "tag")

    def with_header(self, name: str, value: str) -> Message:
        """A copy in which that header has that value, in the place of the first it had, or at the end."""
        headers, done = [], False
        for given, old in self.headers:
            if given.lower() != name.lower():
                headers.append((given, old))
            elif not done:
                headers.append((given, value))
                done = True
        if not done:
            headers.append((name, value))
        return Message(self.start_line, tuple(headers), self.body)

    def without(self, name: str) -> Message:
        """A copy without that header."""
        kept = tuple(header for header in self.headers if header[0].lower() != name.lower())
        return Message(self.start_line, kept, self.body)


def parameter(value: str, name: str) -> str | None:
    """A parameter behind the address of a header value; '' when it has no value."""
    behind = value.rsplit(">", 1)[-1]
    found = re.search(rf";\s*{re.escape(name)}\s*(?:=\s*([^;,\s]*))?(?=[;,\s]|$)", behind, re.IGNORECASE)
    return None if found is None else found.group(1) or ""


def address_of(value: str) -> str:
    """The URI in a header value."""
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.split(";", 1)[0].strip()


def _split_commas(value: str) -> list[str]:
    return [part.strip() for part in re.findall(r'(?:[^,"<]|"(?:\\.|[^"\\])*"|<[^>]*>)+', value)]
