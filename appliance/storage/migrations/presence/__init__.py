"""The steps of the group presence."""

from __future__ import annotations
