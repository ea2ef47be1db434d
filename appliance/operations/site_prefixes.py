"""The prefixes of other sites, shown and changed when somebody asks for it."""

from __future__ import annotations

import re

from appliance.errors import ControlError, DuplicateRow, MalformedMessage
from appliance.operations.box import Box
from appliance.sip.uri import Uri
from appliance.telemetry.journal import event

_PREFIX = re.compile(r"[A-Za-z0-9+*#_.-]{1,32}")
_LONGEST = 128  # the columns of pdt


class KnownPrefixes:
    """OpenSER's ``pdt_list``, ``pdt_add``, ``pdt_delete``, and ``pdt_reload``."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def rows(self) -> list[dict[str, str]]:
        """``source`` (a domain of ours, ``*`` any), ``prefix``, and the ``domain`` behind it."""
        return [
            {"source": source, "prefix": prefix, "domain": domain}
            for (source, prefix), domain in sorted(self._box.site_prefixes.rows.items())
        ]

    def add(self, source: str, prefix: str, domain: str) -> None:
        """A new row. Raises ControlError 400 for what cannot be one or is there already, StorageError."""
        source, domain = source.lower(), domain.lower()
        if not (_PREFIX.fullmatch(prefix) and (source == "*" or _is_place(source)) and _is_place(domain)):
            raise ControlError(400, "Bad parameter")
        try:
            self._box.site_prefixes.add(source, prefix, domain)
        except DuplicateRow:
            raise ControlError(400, "Prefix exists already") from None
        event("command", f"pdt_add: {prefix} leads to {domain}", command="pdt_add")

    def remove(self, source: str, domain: str) -> int:
        """Take away what leads from ``source`` to ``domain``; how many there were. Raises StorageError."""
        count = self._box.site_prefixes.remove(source.lower(), domain.lower())
        event("command", f"pdt_delete: {count} prefixes lead to {domain} no more", command="pdt_delete")
        return count

    def reload(self) -> int:
        """Read them again; how many there are. Raises StorageError."""
        self._box.site_prefixes.load()
        return len(self._box.site_prefixes.rows)


def _is_place(text: str) -> bool:
    """HOST or HOST:PORT."""
    try:
        uri = Uri.parse(f"sip:x@{text}")
    except MalformedMessage:
        return False
    host = uri.host if uri.port is None else f"{uri.host}:{uri.port}"
    return len(text) <= _LONGEST and host == text
