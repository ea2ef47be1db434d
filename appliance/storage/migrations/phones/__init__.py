"""The steps of the group phones."""

from __future__ import annotations
