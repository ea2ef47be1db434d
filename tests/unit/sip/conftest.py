from __future__ import annotations

from hypothesis import settings

# A machine with much to do is no failing test; test_bounded_time says how long things may take.
settings.register_profile("sip", deadline=None)
settings.load_profile("sip")
