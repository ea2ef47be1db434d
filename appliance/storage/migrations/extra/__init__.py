"""The steps of the group extra."""

from __future__ import annotations
