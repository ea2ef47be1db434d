"""Which group a caller must be in for a number: ``local``, ``ld`` (long distance), ``int`` (international),
the groups that ``openserctl acl grant`` gives.

The longest beginning that fits says it; a number that stands there as a whole comes before. Pure choice.
"""

from __future__ import annotations

from collections.abc import Iterable

#: A number that nobody may call, because nothing says who may.
NOBODY = None


class NumberGroups:
    """``permissions`` are texts ``PREFIX=GROUP`` or ``NUMBER$=GROUP``; an empty GROUP: everybody may."""

    def __init__(self, permissions: Iterable[str]) -> None:
        self._whole: dict[str, str] = {}
        self._prefixes: dict[str, str] = {}
        for permission in permissions:
            number, _, group = permission.partition("=")
            if number.endswith("$"):
                self._whole[number[:-1]] = group
            else:
                self._prefixes[number] = group
        self._longest = max(map(len, self._prefixes), default=0)

    def needed(self, number: str) -> str | None:
        """The group for ``number``, "" when everybody may call it, ``NOBODY`` when nobody may."""
        whole = self._whole.get(number)
        if whole is not None:
            return whole
        for length in range(min(self._longest, len(number)), -1, -1):
            group = self._prefixes.get(number[:length])
            if group is not None:
                return group
        return NOBODY
