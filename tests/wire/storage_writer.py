"""A process that registers phones, to be killed: what it prints as answered has to be there afterwards.

::

    storage_writer.py register URL SPOOL COUNT FIRST    prints 'ready', then 'RUID CSEQ' for each commit
    storage_writer.py load URL SPOOL                    prints 'RUID CSEQ' for each binding, then 'loaded N'

SPOOL ``-`` is none. COUNT greenlets register one phone each, again and again, with growing CSeq; the phones'
numbers begin at FIRST. It is a process of its own because it is monkey-patched as the server is.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402 - patched first
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402

from appliance.errors import StorageError  # noqa: E402
from appliance.registrar.binding import Binding, ruid_of  # noqa: E402
from appliance.registrar.locations import Locations  # noqa: E402
from appliance.sip.uri import AddressOfRecord  # noqa: E402
from appliance.storage.bindings import BindingWriter  # noqa: E402
from appliance.storage.engine import Database  # noqa: E402
from appliance.storage.spool import Spool  # noqa: E402


def phone(number: int, cseq: int) -> Binding:
    aor = AddressOfRecord(str(number), "example.com")
    contact = f"sip:{number}@127.0.0.1:{5000 + number}"
    return Binding(
        aor,
        contact,
        time.monotonic() + 3600,
        f"call-{number}@127.0.0.1",
        cseq,
        user_agent="Grandstream BT110 1.0.8.33",
        ruid=ruid_of(aor, contact),
        modified=time.time(),
    )


def say(line: str) -> None:
    """Written at once: what is in a buffer when the process is killed was never said."""
    os.write(1, f"{line}\n".encode())


def keep_registering(writer: BindingWriter, number: int) -> None:
    for cseq in range(1, 1_000_000):
        binding = phone(number, cseq)
        try:
            writer.commit([binding], [])
        except StorageError:
            gevent.sleep(0.05)  # not answered: nothing is promised
        else:
            say(f"{binding.ruid} {cseq}")


def main() -> None:
    verb, url, spool, *rest = sys.argv[1:]
    writer = BindingWriter(
        Database(url, connect_timeout=2, query_timeout=2), spool=None if spool == "-" else Spool(Path(spool))
    )
    writer.start()
    if verb == "register":
        say("ready")
        count, first = map(int, rest)
        gevent.joinall([gevent.spawn(keep_registering, writer, first + n) for n in range(count)])
    locations = Locations()
    loaded = writer.load(locations)
    for binding in locations:
        say(f"{binding.ruid} {binding.cseq}")
    say(f"loaded {loaded}")
    writer.stop()


if __name__ == "__main__":
    main()
