"""What the tests use to put phones, a server and databases on this machine, and to take them away again."""

from __future__ import annotations
