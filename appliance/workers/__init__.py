"""Several SIP workers on the same addresses, which help one another (``[sip] workers``).

``link`` are the sockets between them, ``frames`` what is said over them, ``shared_bindings`` keeps every
worker's memory of the bindings alike, ``shared_flows`` knows who has which connection, ``living`` who lives,
``invite_search`` asks who has a call, ``duties`` is what one does for the others, ``other_workers`` puts them
together and is what the proxy sees.
"""

from __future__ import annotations
