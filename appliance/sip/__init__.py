"""Text and values: the grammar of SIP (RFC 3261 §25), its messages, URIs, replies and stream framing.

Header lines stay as they came and are parsed when they are asked for, so that what a proxy does not touch
leaves byte for byte as it arrived. Nothing here knows sockets, time, a database, settings or logging.
"""

from __future__ import annotations
