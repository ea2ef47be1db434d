"""Replication: what neighbour nodes tell one another of bindings, signed, so that all can call every phone.

``seal`` signs and believes, ``frames`` is what is said, ``outbox`` what we tell, ``neighbour`` what we lack
of one node, ``replicas`` whose story is the newer one; ``replication`` puts them together, ``wire`` gives it
sockets and a clock.
"""
