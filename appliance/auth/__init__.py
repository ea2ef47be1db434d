"""Digest authentication: challenge and verify (RFC 2617, RFC 7616, RFC 8760).

``nonce.py`` says what a nonce is and whether one may be used again; ``digest.py`` reads credentials, verifies
them and writes challenges. Whose credentials they are, and what follows from them, is policy
(``proxy/authentication.py``). Nothing here knows transports, SQL or the time: the clock is an argument.
"""

from __future__ import annotations
