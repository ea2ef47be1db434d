"""The events that the journal knows by number: what ``journalctl MESSAGE_ID=…`` finds, and alerts watch.

A number never changes its meaning; a new event gets a new one (``journalctl --new-id128``).
"""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    """An event's number in the journal's catalogue, its severity, and what it means.

    ``summed``: told again with the same words, it is counted, and the count is told (``repeats``). Not so
    what somebody else counts (fail2ban), nor what begins or ends a state.
    """

    message_id: str
    level: str
    meaning: str
    summed: bool = False


EVENTS = {
    "started": Event("91d31b887c4942808b5a18cc2024763c", "info", "The process has begun."),
    "ready": Event("1b239101684a43d5be004178bdd2dd0d", "info", "Requests are answered from now on."),
    "stopping": Event(
        "06f01a2751514cd499bdc1c3860c1b16", "info", "What was begun is finished, then the process ends."
    ),
    "stopped": Event("667497482788467f81774eb8925f3ab0", "info", "The process has ended in order."),
    "config-reloaded": Event("2f04147c76f14abc84bff167723bf140", "info", "Settings were read again."),
    "config-refused": Event(
        "75e49989e7b14164848fd33a82cbfcfd", "error", "Settings were wrong; the old ones hold."
    ),
    "binding-added": Event(
        "db043357c15b4bd39efc2eb8c3e55826", "info", "A phone can be reached by a new contact."
    ),
    "binding-refreshed": Event(
        "d0816a0f3315402da0206d2d5e1a8656", "debug", "A known contact was kept longer."
    ),
    "binding-removed": Event("87a0bfd67d1840e38f966bf7165eb299", "info", "A contact was taken away."),
    "binding-expired": Event(
        "463305c0610145feaaa842e5517b8d6e", "info", "A contact was not refreshed in time."
    ),
    "registration-refused": Event(
        "bd59838487734b29b84ee469af9b30a4", "info", "A REGISTER was not granted.", summed=True
    ),
    "auth-failed": Event(
        "9161acb8a99a4e108ac6ac79418f1175", "notice", "Credentials were wrong.", summed=True
    ),
    "source-banned": Event(
        "8cd0b18bb52c47088655fade613e6dc9", "warning", "Somebody is kept out for a while."
    ),
    "ban-heard": Event(
        "c25bacd7f3bd46429b0bf750d751b773",
        "notice",
        "Another box or node has banned somebody, or let him in again: so does this one.",
        summed=True,
    ),
    "ban-lifted": Event("6bebd33bc1ca4b198718ccb1fe0d9ff4", "info", "A ban was taken away before its time."),
    "hard-times": Event(
        "718d40568e9344b99f3e3a5bf358718e",
        "warning",
        "Strangers send more than may be; those of them who do not repeat themselves are dropped.",
    ),
    "call-ended": Event(
        "37f070ac0fd845f28cb311399b9c6da5", "info", "A call was answered, refused or given up."
    ),
    "relay-refused": Event(
        "e82ff97f4e764a2b81b850a9e4cca5ea", "notice", "A stranger wanted to send through us.", summed=True
    ),
    "gateway-guarded": Event(
        "484a30f935cd41558ff4c693a6a3cd5a",
        "warning",
        "A request that nobody had let in for it was kept from a gateway.",
        summed=True,
    ),
    "gateway-failed": Event(
        "af746e20c3a441a689e97174a7b63c4e",
        "warning",
        "A gateway did not do its work; others are tried first for a while.",
        summed=True,
    ),
    "media-lost": Event(
        "69ff71daeeda4304b20d37d610226b14", "warning", "An rtpengine does not answer; others take its calls."
    ),
    "media-back": Event("4562d764e30b41438b3072547313f3c9", "info", "An rtpengine answers again."),
    "certificates-loaded": Event(
        "cd0dde22e98343e19ba42a5c087d59e1", "info", "Certificates were read; new connections are shown them."
    ),
    "certificate-refused": Event(
        "3083961a9efa44ddb086ef6c820ada28", "error", "A certificate cannot be used; what was in use stays."
    ),
    "address-taken": Event(
        "b778be65d55dcb82ddd743e2cd9806aa", "warning", "This box holds the shared address from now on."
    ),
    "address-given": Event(
        "a6c254107c2806a106cebf32d879673e",
        "warning",
        "Another box holds the shared address by now.",
    ),
    "database-lost": Event(
        "fcc2a07799224f99b8754fad9d6ebce4", "warning", "The database is away; the spool takes over."
    ),
    "database-back": Event("8812e275bc554d83bf19be7c7c2b36bb", "info", "The database answers again."),
    "database-moved": Event(
        "6c466d6a425445068f1c48b56e078cf1", "warning", "Another member of the database's cluster is asked."
    ),
    "database-refused": Event(
        "4e823c63de524ab383f1d63324ce59fb", "error", "The database said no to what we must do.", summed=True
    ),
    "spool-replayed": Event(
        "4bd3f43cbb644108b1ed604fd0cf5064", "info", "What the spool held is in the database."
    ),
    "bindings-loaded": Event("b71af987bf0841a688a634f027049139", "info", "The location table is in memory."),
    "request-failed": Event(
        "4c963c73c8694cf984f7d472c1bf51d4", "error", "A fault of ours; the request got a 500.", summed=True
    ),
    "overload": Event(
        "35dd985fab804f1290259b01ed411a85",
        "warning",
        "More waits than may; new requests get a 503.",
        summed=True,
    ),
    "command": Event("8153b9f2595f41749e05e6acc22e36cd", "info", "An administrator changed something."),
    "phone-configured": Event(
        "06fc60854b9549a1bdff295f1e9fe387", "info", "A desk phone got its configuration."
    ),
    "phone-denied": Event(
        "6f1aadb18c6242ac8e86c382136b56b1", "notice", "Somebody asked for a phone's configuration in vain."
    ),
    "phone-told": Event(
        "651594c13d664227957c5d1046f3fcc8", "info", "A desk phone asked by multicast and was told its URL."
    ),
    "phone-failed": Event(
        "d4f6dd0f4b4d4f77a0f9b936ef1e60e3",
        "error",
        "The configuration of a phone cannot be made.",
        summed=True,
    ),
}
