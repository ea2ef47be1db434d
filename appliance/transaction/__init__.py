"""Transactions (RFC 3261 §17 with RFC 6026, RFC 4320): what is sent again, what is absorbed, when it is over.

The room has no sockets and no clock: ``send`` is handed in, ``now`` is an argument of every call, and one
wheel of timers knows who has to be woken. It must not know gevent, nor what a REGISTER means.
"""
