"""The templates of ``templates/phones/``, and an administrator's own before them.

A folder of overrides has the same shape, VENDOR/NAME.j2, and needs only what differs. Every value that a
template prints passes through the escape of its format: XML's, or a refusal of what a line cannot hold. What
a template names and nobody gave is an error, not an empty text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from traceback import extract_tb
from typing import Any, NamedTuple
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from appliance.errors import PhoneRefused

# A wheel carries them beside this file; in a checkout they are where an administrator looks for them.
_PACKAGED = Path(__file__).parent / "templates"
_CHECKOUT = Path(__file__).parents[2] / "templates" / "phones"


class File(NamedTuple):
    """One file that a phone asks for: name, template, media type, and what an administrator calls it."""

    name: str
    template: str
    content_type: str
    what: str


class Templates:
    """The shipped templates with ``overrides`` (a folder, or None) before them."""

    def __init__(self, overrides: Path | None = None) -> None:
        folders = [shipped_templates()] if overrides is None else [overrides, shipped_templates()]
        loader = jinja2.FileSystemLoader(folders)
        self._xml = _environment(loader, None)
        self._lines = _environment(loader, _line_value)
        self._url = _environment(loader, _url_value)

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """The template ``VENDOR/NAME.xml.j2`` (or .cfg.j2, .params.j2) with these values; PhoneRefused."""
        form = name.removesuffix(".j2").rpartition(".")[2]
        environment = {"cfg": self._lines, "params": self._url}.get(form, self._xml)
        try:
            return environment.get_template(name).render(values)
        except PhoneRefused as error:
            raise PhoneRefused(f"{_place(name, error)}: {error}") from None
        except jinja2.TemplateError as error:
            line = getattr(error, "lineno", None)
            place = f"{name}:{line}" if line else name
            raise PhoneRefused(f"the template {place} cannot be used: {error}") from None


def shipped_templates() -> Path:
    """Where the program's own templates are, in a checkout as in an installed wheel."""
    return _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT


def _environment(
    loader: jinja2.BaseLoader, finalize: Callable[[object], object] | None
) -> jinja2.Environment:
    return jinja2.Environment(
        loader=loader,
        autoescape=finalize is None,  # noqa: S701 - a format that is not XML has its own escape
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _place(name: str, error: BaseException) -> str:
    """The line of the template in which a value was refused, which says what the value is."""
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename.endswith(name)]
    return f"{name}:{lines[-1]}" if lines else name


def _line_value(value: object) -> object:
    """A value of a ``name = value`` file: what such a line cannot hold is refused, and not repeated: it may
    be a password."""
    text = str(value)
    if not text.isprintable():
        raise PhoneRefused("the value has a character that cannot be printed")
    if '"' in text or text.upper() == "%NULL%":
        raise PhoneRefused("the value cannot be told to a phone of this make: leave out the quotes or %NULL%")
    return text


def _url_value(value: object) -> object:
    """A value of ``P3=value``: all but plain letters and digits as %XX, so that no & begins another one."""
    return value if isinstance(value, Markup) else quote(str(value), safe="")
