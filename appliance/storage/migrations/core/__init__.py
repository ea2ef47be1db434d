"""The steps of the group core."""

from __future__ import annotations
