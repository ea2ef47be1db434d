"""Many phones behind one socket, for a load in the middle of which something is ended.

Each has a user, a contact and a Call-ID of its own. What was answered 200 is what has to be there afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.harness.message import Message
from tests.harness.phone import SDP, Phone

WINDOW = 64  # requests under way at once


class Crowd(Phone):
    """``users`` who all have the password ``secret`` and are called at this socket."""

    def __init__(self, users: Sequence[str], *, proxy: tuple[str, int], domain: str) -> None:
        super().__init__("crowd", "secret", proxy=proxy, domain=domain)
        self.users = list(users)
        self.answered: dict[str, str] = {}  # user: the contact that the last 200 was for

    def contact_of(self, user: str, generation: int) -> str:
        return f"sip:{user}@{self.address}:{self.port};generation={generation}"

    def _registration(self, user: str, generation: int) -> Message:
        aor = f"<sip:{user}@{self.domain}>"
        return self.request(
            "REGISTER",
            f"sip:{self.domain}",
            from_=f"{aor};tag={user}",
            to=aor,
            contact=f"<{self.contact_of(user, generation)}>;expires=3600",
        )

    def register(  # type: ignore[override]
        self, generation: int = 1, *, at: int | None = None, disaster: Callable[[], object] = lambda: None
    ) -> None:
        """Register everybody; after ``at`` answers, call ``disaster`` and take in only what still comes."""
        waiting = iter(self.users)
        under_way = {}
        done = 0

        def begin() -> None:
            user = next(waiting, None)
            if user is not None:
                request = self._registration(user, generation)
                under_way[request.call_id] = (user, request)
                self.send(request)

        for _ in range(WINDOW):
            begin()
        while under_way:
            try:
                response = self.receive(lambda message: message.status >= 200, "final response")
            except AssertionError:
                assert at is not None and done >= at, "nobody answers, and nothing has happened"
                return
            user, request = under_way[response.call_id]
            if response.status == 401:
                request = self.authorized(request, response, username=user)
                under_way[response.call_id] = (user, request)
                self.send(request)
                continue
            assert response.status == 200, response
            del under_way[response.call_id]
            if response.status == 200:
                self.answered[user] = self.contact_of(user, generation)
                done += 1
            if done == at:
                done += 1
                disaster()
            begin()

    def called_by(self, caller: Phone, users: Sequence[str]) -> list[str]:
        """The Request-URIs under which ``users`` are called, one after the other; each declines as busy."""
        found = []
        challenged: Message | None = None
        for user in users:
            request = caller.request("INVITE", f"sip:{user}@{self.domain}", body=SDP)
            if challenged is None:
                caller.send(request)
                challenged = caller.final(request)
                caller.send(caller.ack(request, challenged))
            request = caller.authorized(request, challenged)
            caller.send(request)
            incoming = self.expect("INVITE")
            self.reply(incoming, 486, "Busy Here")
            refused = caller.final(request)
            assert refused.status == 486, refused
            caller.send(caller.ack(request, refused))
            self.expect("ACK")
            found.append(incoming.uri)
        return found

    def contacts_in(self, rows: Sequence[tuple[object, ...]]) -> dict[str, set[str]]:
        """The contacts of each user in ``select username, contact from location``."""
        contacts: dict[str, set[str]] = {}
        for user, contact in rows:
            contacts.setdefault(str(user), set()).add(str(contact))
        return contacts
