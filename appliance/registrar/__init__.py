"""The registrar (RFC 3261 §10): bindings in memory, their order, their expiry.

``binding.py`` is one contact of one user, ``locations.py`` holds them all, ``contact.py`` reads and checks
the Contact values of a request, ``register.py`` is what a REGISTER does. Nothing here knows SQL or sockets:
what makes a binding durable is handed in, and may block.
"""

from __future__ import annotations
