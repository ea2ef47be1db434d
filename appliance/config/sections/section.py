"""What all sections have in common: values that never change, a key that is unknown is refused, and ranges.

Times are in seconds unless the name ends with ``_ms``; sizes are in bytes.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1, le=100_000_000)]
Bytes = Annotated[int, Meta(ge=1, le=1 << 30)]
Seconds = Annotated[int, Meta(ge=1, le=31_536_000)]
Milliseconds = Annotated[int, Meta(ge=10, le=600_000)]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One section: values that never change, built by keyword; a key that it does not know is refused."""
