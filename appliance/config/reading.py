"""From a TOML file to ``Settings``, or to one sentence: the file, the line, the path, and what is allowed.

Must not know what the settings are used for.
"""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path

import msgspec

from appliance.config.checks import findings, remarks
from appliance.config.places import KeyPath, line_of
from appliance.config.sections import DomainSettings, Settings
from appliance.errors import SettingsError

DEFAULT_PATH = "/etc/sipbox/sipbox.toml"

_TOML_PLACE = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_PLACE = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`$")
_WRONG_TYPE = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`$")
_TYPES = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a section",
    "null": "nothing",
}


def load(path: str) -> Settings:
    """The settings in the file ``path``; SettingsError when it cannot be read, or is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(
            "there is no such file; name one with --config FILE or SIPBOX_CONFIG", file=path
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"cannot be read: {reason}", file=path) from None
    return parse(text, path)


def parse(text: str, file: str = "settings") -> Settings:
    """The settings in a TOML text; ``file`` is the name that errors show."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        problem = _TOML_PLACE.sub("", str(error))
        line = int(place["line"]) if place and place["line"] else text.count("\n") + 1
        raise SettingsError(f"is not TOML: {problem}", file=file, line=line) from None
    try:
        settings = msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), document, text, file) from None
    for where, problem in findings(settings):
        raise SettingsError(problem, file=file, path=_dotted(where), line=line_of(text, where))
    return settings


def check(path: str) -> list[str]:
    """Remarks about a file that is in order, one line each; SettingsError when it is not."""
    settings = load(path)
    text = Path(path).read_text(encoding="utf-8")
    return [
        str(SettingsError(told, file=path, path=_dotted(where), line=line_of(text, where)))
        for where, told in remarks(settings)
    ]


def _refusal(complaint: str, document: dict[str, object], text: str, file: str) -> SettingsError:
    """msgspec's complaint in our words, with its place."""
    place = _PLACE.search(complaint)
    problem = _PLACE.sub("", complaint)
    where: KeyPath = _steps(place["path"], document) if place else ()
    unknown = _UNKNOWN.match(problem)
    wrong = _WRONG_TYPE.match(problem)
    if unknown:
        key = unknown["key"]
        problem = f"there is no such {'setting' if where else 'section'}{_meant(key, where)}"
        where = (*where, key)
    elif wrong:
        wanted, got = (_TYPES.get(wrong[group], wrong[group]) for group in ("wanted", "got"))
        problem = f"has to be {wanted}, and is {got}"
    elif problem.startswith("Invalid enum value"):
        problem = f"{_value_at(document, where)!r} has to be one of {', '.join(_choices(where))}"
    elif problem.startswith("Expected `str` matching regex"):
        problem = f'{_value_at(document, where)!r} has to be an octal mode such as "0660"'
    elif problem.startswith("Expected `"):
        kind, _, bound = problem.removeprefix("Expected `").partition("` ")
        problem = f"{_value_at(document, where)!r} is out of range: {_TYPES.get(kind, kind)} {bound} fits"
    return SettingsError(problem, file=file, path=_dotted(where), line=line_of(text, where))


def _steps(path: str, document: dict[str, object]) -> KeyPath:
    steps: KeyPath = ()
    for key, index, unsaid in _STEP.findall(path):
        steps = (*steps, _culprit(document, steps) if unsaid else int(index) if index else key)
    return steps


def _culprit(document: dict[str, object], path: KeyPath) -> str:
    """msgspec does not say which key of a mapping it means: the first one whose value it refuses alone."""
    mapping = _value_at(document, path)
    assert isinstance(mapping, dict)  # noqa: S101 - or it would have complained about that
    for key, value in mapping.items():
        try:
            msgspec.convert(value, DomainSettings if path == ("domains",) else str)
        except msgspec.ValidationError:
            return str(key)
    return ""


def _dotted(path: KeyPath) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _value_at(document: object, path: KeyPath) -> object:
    for step in path:
        document = document[step]  # type: ignore[index]
    return document


def _struct_at(path: KeyPath) -> type[msgspec.Struct]:
    if path[0:1] == ("domains",) and len(path) > 1:
        return DomainSettings
    here: type[msgspec.Struct] = Settings
    for step in path:
        here = next(field.type for field in msgspec.structs.fields(here) if field.name == step)
    return here


def _meant(key: str, where: KeyPath) -> str:
    names = [field.name for field in msgspec.structs.fields(_struct_at(where))]
    close = get_close_matches(key, names, n=1)
    return f"; was {close[0]} meant?" if close else f"; there are {', '.join(names)}"


def _choices(path: KeyPath) -> tuple[str, ...]:
    field = next(field for field in msgspec.structs.fields(_struct_at(path[:-1])) if field.name == path[-1])
    return tuple(f'"{choice}"' for choice in field.type.__args__)
