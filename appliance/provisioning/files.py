"""Every vendor's files behind one door: which a phone may ask for, and what stands in them.

Must not know who may ask: the agent has found the phone and let it in before it comes here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from appliance.errors import PhoneRefused
from appliance.provisioning import authority, cisco, grandstream, grandstream_binary, polycom, snom, yealink
from appliance.provisioning.naming import identify
from appliance.provisioning.phone import Phone
from appliance.provisioning.rendering import File, Templates

_FILES: dict[str, Callable[[Phone], dict[str, File]]] = {
    "cisco": cisco.files,
    "grandstream": grandstream.files,
    "polycom": polycom.files,
    "snom": snom.files,
    "yealink": yealink.files,
}
_VALUES: dict[str, Callable[[Phone], dict[str, Any]]] = {
    "cisco": cisco.values,
    "grandstream": grandstream.values,
    "polycom": polycom.values,
    "snom": snom.values,
    "yealink": yealink.values,
}
_WITH_ACCOUNTS = ("settings", "xml", "binary")


class Served(NamedTuple):
    """A file as it is sent; ``whole``: it is the one with the phone's accounts."""

    content: bytes
    content_type: str
    whole: bool


def file_names(phone: Phone) -> dict[str, str]:
    """The names that this phone asks for, each with what it is."""
    return {file.name: file.what for file in _FILES[phone.vendor](phone).values()}


def render(phone: Phone, name: str, templates: Templates) -> Served | None:
    """The file ``name`` for this phone, or None when it is none of its files.

    PhoneRefused when a line has no password, when something cannot be told to a phone of this vendor, or when
    a template is at fault.
    """
    asked = identify(name, vendor=phone.vendor)
    if asked is None or asked.mac not in (None, phone.mac):
        return None
    if asked.kind == "authority":
        pem = phone.site.authority
        return Served(authority.content(pem, name), authority.NAMES[name], False) if pem else None
    file = _FILES[phone.vendor](phone).get(asked.kind)
    if file is None:
        return None
    if not phone.site.url:
        raise PhoneRefused("url: is missing; the phone has to know where its configuration comes from")
    for line in phone.lines:
        if not line.password:
            raise PhoneRefused(f"password: of {line.user}@{line.domain} is not known; set it once more")
    values = {"phone": phone, "site": phone.site, **_VALUES[phone.vendor](phone)}
    text = templates.render(file.template, values)
    whole = asked.kind in _WITH_ACCOUNTS
    if asked.kind == "binary":
        return Served(grandstream_binary.encode(phone.mac, text), file.content_type, whole)
    return Served(text.encode(), f"{file.content_type}; charset=utf-8", whole)


def check(phone: Phone, templates: Templates) -> None:
    """PhoneRefused when one of the phone's files could not be made; passwords may be missing."""
    lines = tuple(replace(line, password=line.password or "x") for line in phone.lines)
    site = phone.site if phone.site.url else replace(phone.site, url="http://phones.invalid/")
    complete = Phone(phone.mac, phone.model, lines, site)
    for name in file_names(complete):
        render(complete, name, templates)
