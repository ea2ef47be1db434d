"""The tests: ``unit`` mirrors the folders of the program; the others use it as phones and people do."""

from __future__ import annotations
