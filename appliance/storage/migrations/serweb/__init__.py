"""The steps of the group serweb."""

from __future__ import annotations
