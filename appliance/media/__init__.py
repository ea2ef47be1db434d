"""Media: rtpengine, asked over its ng protocol to relay the sound of calls.

Knows sockets, the loop and bencode. Must not know SIP messages, nor which call is relayed and why: that is
``proxy/nat/media.py``, which names what it needs of this room as a protocol.
"""
