"""Messages for users who are away: the rows of ``silo``.

That somebody has some is resident, so that a REGISTER costs a look into a dictionary. Workers share the rows:
who sends a message claims it before (``snd_time``), and a claim that led to nothing is over after a minute.
Must not know SIP.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from appliance.registrar.offline import OfflineMessage
from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.tables import silo
from appliance.storage.user_rows import DomainNames, UserRows

_CLAIM_SECONDS = 60
_TIDY_SECONDS = 600


class Silo:
    """The messages of one database. All but ``waits_for`` raise StorageError."""

    def __init__(self, database: Database, domains: DomainNames, *, case_sensitive: bool = True) -> None:
        self._database = database
        self._domains = domains
        self._fold = not case_sensitive
        self._tidied = 0
        self.rows: UserRows[int] = UserRows(
            database, silo, (silo.c.id,), len, domains, case_sensitive=case_sensitive
        )

    def waits_for(self, aor: AddressOfRecord) -> bool:
        """Whether there are messages for this user."""
        return self.rows.of(aor) is not None

    def keep(self, aor: AddressOfRecord, message: OfflineMessage, most: int) -> bool:
        """Keeps a message, durably; False when ``most`` wait for the user already."""
        mine = self._rows_of(aor)
        # Those of users who never come again go now and then.
        tidy = message.came >= self._tidied + _TIDY_SECONDS
        if tidy:
            self._tidied = message.came

        def work(connection: Connection) -> bool:
            expired = silo.c.exp_time <= message.came
            connection.execute(delete(silo).where(expired if tidy else and_(mine, expired)))
            if (connection.execute(select(func.count()).where(mine)).scalar() or 0) >= most:
                return False
            connection.execute(
                insert(silo).values(
                    src_addr=message.source,
                    dst_addr=message.destination,
                    username=aor.username,
                    domain=aor.domain,
                    inc_time=message.came,
                    exp_time=message.expires,
                    ctype=message.content_type,
                    body=message.body,
                )
            )
            return True

        kept = self._database.run(work, "silo_keep")
        self._read_again(aor)
        return kept

    def claim(self, aor: AddressOfRecord, now: int, after: int = 0) -> OfflineMessage | None:
        """The oldest message for the user whose number is beyond ``after``, for whoever asks to send; None
        when there is none, or when somebody is about to send it."""
        columns = silo.c
        mine = self._rows_of(aor)

        def work(connection: Connection) -> OfflineMessage | None:
            connection.execute(delete(silo).where(mine, columns.exp_time <= now))
            query = select(
                columns.src_addr,
                columns.dst_addr,
                columns.ctype,
                columns.body,
                columns.inc_time,
                columns.exp_time,
                columns.id,
            )
            row = connection.execute(
                query.where(mine, columns.id > after).order_by(columns.id).limit(1)
            ).first()
            if row is None:
                return None
            message = OfflineMessage(*row)
            free = and_(columns.id == message.number, columns.snd_time <= now - _CLAIM_SECONDS)
            claimed = connection.execute(update(silo).where(free).values(snd_time=now)).rowcount
            return message._replace(body=message.body or b"") if claimed else None

        message = self._database.run(work, "silo_claim")
        if message is None:
            self._read_again(aor)
        return message

    def delivered(self, aor: AddressOfRecord, number: int) -> None:
        """The user has it."""
        gone = delete(silo).where(silo.c.id == number)
        self._database.run(lambda connection: connection.execute(gone), "silo_delivered")
        self._read_again(aor)

    def released(self, number: int) -> None:
        """The user did not take it; it may be sent again."""
        free = update(silo).where(silo.c.id == number).values(snd_time=0)
        self._database.run(lambda connection: connection.execute(free), "silo_released")

    def _rows_of(self, aor: AddressOfRecord) -> ColumnElement[bool]:
        """His rows, by whichever name of his domain somebody has written them, as ``rows`` counts them."""
        names = {aor.domain, *self._domains.hosts(aor.domain)}
        if self._domains.only() == aor.domain:
            names.add("")
        username, his = silo.c.username, aor.username
        is_he = func.lower(username) == his.lower() if self._fold else username == his
        return and_(is_he, silo.c.domain.in_(sorted(names)))

    def _read_again(self, aor: AddressOfRecord) -> None:
        self.rows.follow([Change(silo.name, aor.username, aor.domain)])
