"""sipbox: a SIP proxy and registrar in Python.

The folders are the way that a REGISTER takes: ``transport``, ``sip``, ``transaction``, ``proxy``, ``auth``,
``registrar``, ``storage``. ARCHITECTURE.md says what each of them decides and what it must not know.
"""

from __future__ import annotations

__version__ = "0.1.0"
