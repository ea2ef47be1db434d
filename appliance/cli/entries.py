"""A file with many of one kind (subscribers, phones) as entries, each with the place where it stands.

CSV (comma, semicolon or tab, the first line names the columns), YAML or JSON (a list, or a list under the
name of the kind). Values are text, None, lists and mappings of these: a user ``010`` stays ``010``, which
YAML's own rules would read as the number 8. Must not know what an entry means.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from appliance.errors import SipboxError

#: What may be said of a subscriber.
SUBSCRIBER_COLUMNS = (
    "user",
    "domain",
    "password",
    "ha1",
    "first_name",
    "last_name",
    "email",
    "aliases",
    "permissions",
    "state",
)
_VAULT = "$ANSIBLE_VAULT"
_NOTHING = ("", "~", "null", "Null", "NULL")
_DEEPEST = 6
_YAML_BEGINS = ("---", "- ", "-\n", "#", "%YAML")


class Entry(NamedTuple):
    """``place`` is ``FILE:LINE`` or ``FILE: entry 3``; ``values`` are by column."""

    place: str
    values: dict[str, Any]


class BadEntry(SipboxError):
    """Something in the file cannot be: one line with the place, what is wrong, and what to do."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")


def read_entries(path: str, kind: str, columns: Collection[str]) -> list[Entry]:
    """The entries of the file ``path`` (``-``: standard input), of which each is one of ``kind`` (a plural).

    Raises BadEntry when it cannot be read, or when it has a column that is none of ``columns``.
    """
    name = "standard input" if path == "-" else path
    text = _text(path, name)
    form = _form(path, text, kind)
    if form == "csv":
        return list(_of_csv(text, name, columns))
    entries = list(_of_json(text, name, kind) if form == "json" else _of_yaml(text, name, kind))
    for entry in entries:
        _known(entry.values, columns, entry.place)
    return entries


def _text(path: str, name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise BadEntry(name, f"cannot be read ({error.strerror}); name a file that is there") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadEntry(f"{name}:{line}", "is not UTF-8; save the file in that encoding") from error
    if text.startswith(_VAULT):
        raise BadEntry(name, "is encrypted by Ansible Vault; decrypt it first ('ansible-vault view FILE')")
    return text


def _form(path: str, text: str, kind: str) -> str:
    """``csv``, ``json`` or ``yaml``: by the ending of the name, else by what the file begins with."""
    begins = text.lstrip()
    ending = Path(path).suffix.lower()
    if ending in (".csv", ".tsv"):
        return "csv"
    if ending == ".json" or begins[:1] in ("[", "{"):
        return "json"
    if ending in (".yml", ".yaml") or begins.startswith((*_YAML_BEGINS, f"{kind}:")):
        return "yaml"
    return "csv"


# ------------------------------------------------------------------------------------------------------- CSV


def _of_csv(text: str, name: str, known: Collection[str]) -> Iterator[Entry]:
    head, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip() for column in next(rows, [])]
        _distinct(columns, f"{name}:1")
        _known(columns, known, f"{name}:1")
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            place = f"{name}:{rows.line_num}"
            if len(row) != len(columns):
                raise BadEntry(
                    place,
                    f"has {len(row)} cells, not {len(columns)}; quote a cell that has a {delimiter!r}",
                )
            yield Entry(place, {column: cell.strip() for column, cell in zip(columns, row, strict=True)})
    except csv.Error as error:
        raise BadEntry(f"{name}:{rows.line_num}", f"is no CSV ({error}); mend the quotes") from error


# ---------------------------------------------------------------------------------------------- JSON and YAML


def _of_json(text: str, name: str, kind: str) -> Iterator[Entry]:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _distinct([key for key, _ in pairs], name)
        return dict(pairs)

    try:
        tree = json.loads(text, object_pairs_hook=members, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        if Path(name).suffix.lower() == ".json":
            raise BadEntry(f"{name}:{line}", f"is no JSON ({error})") from error
        yield from _of_yaml(text, name, kind)  # YAML may be written in brackets too
        return
    for number, value in enumerate(_listed(tree, name, kind), start=1):
        place = f"{name}: entry {number}"
        if not isinstance(value, dict):
            raise BadEntry(place, "is no mapping; write 'user: \"10\"' and the like")
        yield Entry(place, _as_text(value, place))


def _as_text(value: Any, place: str, depth: int = 0) -> Any:
    """JSON's numbers and truth values as text, as they come from the other forms."""
    if depth > _DEEPEST:
        raise BadEntry(place, "is nested too deeply")
    if isinstance(value, list):
        return [_as_text(each, place, depth + 1) for each in value]
    if isinstance(value, dict):
        return {key: _as_text(each, place, depth + 1) for key, each in value.items()}
    return ("false", "true")[value] if isinstance(value, bool) else value


def _listed(tree: Any, name: str, kind: str) -> list[Any]:
    found = tree.get(kind) if isinstance(tree, dict) and set(tree) == {kind} else tree
    if not isinstance(found, list):
        raise BadEntry(name, f"is no list of {kind}; begin with '{kind}:' and '- user: ...' below it")
    return found


def _of_yaml(text: str, name: str, kind: str) -> Iterator[Entry]:
    import yaml

    # The C parser reads ten thousand entries in a second, the other takes ten times as long.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark else name
        raise BadEntry(place, f"is no YAML ({getattr(error, 'problem', None) or error})") from error
    finally:
        loader.dispose()
    if isinstance(root, yaml.MappingNode) and len(root.value) == 1 and root.value[0][0].value == kind:
        root = root.value[0][1]
    if root is None or (isinstance(root, yaml.ScalarNode) and root.value in _NOTHING):
        return
    if not isinstance(root, yaml.SequenceNode):
        raise BadEntry(name, f"is no list of {kind}; begin with '{kind}:' and '- user: ...' below it")
    for node in root.value:
        place = f"{name}:{node.start_mark.line + 1}"
        if not isinstance(node, yaml.MappingNode):
            raise BadEntry(place, "is no mapping; write 'user: \"10\"' and the like")
        yield Entry(place, _plain(node, place))


def _plain(node: Any, place: str, depth: int = 0) -> Any:
    """A YAML node as text, None, list or mapping."""
    if depth > _DEEPEST:
        raise BadEntry(place, "is nested too deeply")
    if node.id == "scalar":
        return None if not node.style and node.value in _NOTHING else str(node.value)
    if node.id == "sequence":
        return [_plain(each, place, depth + 1) for each in node.value]
    keys = [str(key.value) for key, _ in node.value]
    _distinct(keys, place)
    return {key: _plain(value, place, depth + 1) for key, (_, value) in zip(keys, node.value, strict=True)}


def _known(names: Iterable[str], known: Collection[str], place: str) -> None:
    for name in names:
        if name not in known:
            raise BadEntry(place, f"there is no column {name!r}; the columns are {', '.join(known)}")


def _distinct(names: list[str], place: str) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadEntry(place, f"{twice!r} stands there twice; take one of them out")
