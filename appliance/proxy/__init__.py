"""What happens to a message: policy, and the proxy of RFC 3261 §16.

Start with ``routes.py``: the whole call flow from top to bottom, as ``route { … }`` is in an OpenSER script.
Every step there has its room in a neighbouring file: gateways in ``pstn``, phones behind a NAT in ``nat``,
wishes of users in ``preferences``; what becomes of a request that was sent on is in ``forking``. Nothing here
knows sockets, gevent or SQL: what waits (a commit, a lookup, a connection) is handed in as a callable that
may block.
"""
