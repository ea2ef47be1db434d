"""What happens to a message: policy, and the proxy of RFC 3261 §16.

Start with ``routes.py``: the whole call flow from top to bottom, as ``route { … }`` is in an OpenSER script.
Every step there has its room in a neighbouring file. Nothing here knows sockets, gevent or SQL: what waits (a
commit, a lookup, a connection) is handed in as a callable that may block.
"""
