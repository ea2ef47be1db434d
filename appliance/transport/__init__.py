"""Sockets to bytes and back (RFC 3261 §18): which socket a message leaves by, and who is handed one that came
in.

The room knows gevent and sockets. It must not know what the messages mean: it frames a stream, and no more.
"""
