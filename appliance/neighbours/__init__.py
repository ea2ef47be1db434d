"""Replication: what neighbour nodes tell one another of bindings, signed, so that all can call every phone.

``seal`` signs and believes, ``frames`` is what is said, ``outbox`` what we tell, ``neighbour`` what we lack
of one node, ``replicas`` whose story is the newer one, ``strangers`` who is banned anywhere; ``replication``
puts them together, ``wire`` gives it sockets and a clock. ``membership`` and ``cluster`` are boxes that are
one telephone system, ``address_watch`` the address that they hold in turn.
"""
