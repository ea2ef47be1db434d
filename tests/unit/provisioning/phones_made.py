"""A site and phones for the tests of this folder."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from appliance.provisioning import files
from appliance.provisioning.phone import Phone, Site, parse_phone
from appliance.provisioning.rendering import Templates

MAC = "000b82123456"
URL = "http://192.0.2.10:8088/token/"
TEMPLATES = Templates()


def site(**changes: Any) -> Site:
    given: dict[str, Any] = {
        "domain": "example.org",
        "server": "192.0.2.10",
        "time_zone": "Europe/Berlin",
        "url": URL,
    }
    return Site(**(given | changes))


def phone(model: str, of: Site | None = None, **entry: Any) -> Phone:
    given: dict[str, Any] = {"mac": MAC, "model": model}
    if "accounts" not in entry:
        given |= {"user": "10", "password": "s3cret&<x"}
    return parse_phone(given | entry, of or site())


def content(of: Phone, name: str) -> bytes:
    served = files.render(of, name, TEMPLATES)
    assert served is not None, name
    return served.content


def elements(document: bytes) -> dict[str, str]:
    """Of an XML file the text of each element that has no children, by its name."""
    root = ET.fromstring(document)
    return {each.tag: each.text or "" for each in root.iter() if len(each) == 0}


def lines(document: bytes) -> dict[str, str]:
    """Of a Yealink file each ``name = value``; the first line has to be the mark of its version."""
    first, *others = document.decode().splitlines()
    assert first == "#!version:1.0.0.1"
    pairs = [line.partition(" = ")[::2] for line in others if line and not line.startswith(("#", "include:"))]
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    return dict(pairs)
