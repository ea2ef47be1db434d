"""Which phones there are: the vendor, the format of the file, the number of accounts, the vendors' OUIs.

The numbers are of accounts that can register, not of keys. A model is found by its name as people write it:
``Yealink SIP-T46S``, ``t46s``, ``GXP 2135``. Must not know what stands in a file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from appliance.errors import PhoneRefused


class Model(NamedTuple):
    """One model: ``format`` says which of its vendor's file formats it reads."""

    name: str
    vendor: str
    format: str
    lines: int


#: The first six hexadecimal digits of a MAC address, and whose phones have them.
OUIS = {
    "000b82": "grandstream", "c074ad": "grandstream", "ec74d7": "grandstream",
    "001565": "yealink", "805ec0": "yealink", "249ad8": "yealink", "44dbd2": "yealink", "3497d7": "yealink",
    "000413": "snom",
    "0004f2": "polycom", "64167f": "polycom", "482567": "polycom",
    "000e08": "cisco",
}  # fmt: skip

# Of each vendor and format the models, each with its number of accounts.
_CATALOGUE = {
    ("grandstream", "binary"): """
        budgetone-100/1 budgetone-101/1 budgetone-102/1 budgetone-110/1 budgetone-200/1 gxp280/1
        gxp285/1 gxp1200/2 gxp2000/4 gxp2010/4 gxp2020/6
    """,
    ("grandstream", "xml1"): """
        gxp1400/2 gxp1405/2 gxp1450/2 gxp1610/1 gxp1615/1 gxp1620/2 gxp1625/2 gxp1628/2 gxp1630/3
        gxp1760/3 gxp1780/4 gxp1782/4 gxp2100/4 gxp2110/4 gxp2120/6 gxp2124/4 gxp2130/3 gxp2135/4
        gxp2140/4 gxp2160/6 gxp2170/6
    """,
    ("grandstream", "xml2"): """
        grp2601/2 grp2602/2 grp2603/3 grp2604/3 grp2612/2 grp2613/3 grp2614/4 grp2615/5 grp2616/6
        grp2624/4 grp2634/4 grp2636/6 grp2650/6 gxv3350/16 gxv3370/16 gxv3380/16 wp810/2 wp820/2
    """,
    ("yealink", "cfg"): """
        t19e2/1 t21e2/2 t23g/3 t23p/3 t27g/6 t27p/6 t29g/16 t30/1 t30p/1 t31/2 t31g/2 t31p/2 t33g/4
        t33p/4 t40g/3 t40p/3 t41p/6 t41s/6 t41u/6 t42g/12 t42s/12 t42u/12 t43u/12 t44u/12 t46g/16
        t46s/16 t46u/16 t48g/16 t48s/16 t48u/16 t52s/12 t53/12 t53w/12 t54s/16 t54w/16 t57w/16 t58a/16
        t58w/16 cp920/1 w60b/8 w70b/10
    """,
    ("snom", "xml"): """
        300/4 320/12 360/12 370/12 710/4 715/4 720/12 725/12 760/12 d120/2 d140/2 d150/4 d305/4 d315/4
        d325/12 d335/12 d345/12 d375/12 d385/12 d710/4 d712/4 d713/4 d715/4 d717/6 d725/12 d735/12
        d745/12 d765/12 d785/12 d812/6 d815/12 d862/12 d865/12
    """,
    ("polycom", "xml"): """
        ip321/2 ip331/2 ip335/2 ip450/3 ip550/4 ip560/4 ip650/6 ip670/6 ip5000/1 ip6000/1 ip7000/1
        vvx101/1 vvx150/2 vvx201/2 vvx250/4 vvx300/6 vvx301/6 vvx310/6 vvx311/6 vvx350/6 vvx400/12
        vvx401/12 vvx410/12 vvx411/12 vvx450/12 vvx500/12 vvx501/12 vvx600/16 vvx601/16
    """,
    ("cisco", "xml"): """
        spa301/1 spa303/3 spa501g/8 spa502g/1 spa504g/4 spa508g/8 spa509g/12 spa512g/1 spa514g/4
        spa525g/5 spa525g2/5 spa901/1 spa921/1 spa922/1 spa941/4 spa942/4 spa962/6
    """,
}

_MODELS = {
    name: Model(name, vendor, format_, int(lines))
    for (vendor, format_), names in _CATALOGUE.items()
    for name, lines in (entry.split("/") for entry in names.split())
}
_MAKERS = re.compile(r"grandstream|yealink|snom|polycom|poly|cisco|linksys|sipura")
_SERIES = re.compile(r"^(?:sip-?(?=t\d)|soundpoint|soundstation)")


def find_model(name: str) -> Model:
    """The model that somebody means by ``name``; PhoneRefused names the vendor's known ones."""
    wanted = _plain(name)
    model = _MODELS.get(wanted)
    if model is not None:
        return model
    raise PhoneRefused(f"model: {name[:40]!r} is unknown; known are {', '.join(_near(name, wanted))}")


def models() -> tuple[Model, ...]:
    """All of them, by vendor."""
    return tuple(_MODELS.values())


def vendor_of_mac(mac: str) -> str | None:
    """Whose phone has this MAC address (twelve digits in lower case), or None for no vendor known here."""
    return OUIS.get(mac[:6])


def _plain(name: str) -> str:
    text = re.sub(r"[\s_]+", "", _MAKERS.sub("", name.lower()))
    text = _SERIES.sub("", text.strip("-"))
    if budgetone := re.fullmatch(r"(?:budgetone|bt)-?(\d{3})", text):
        return f"budgetone-{budgetone[1]}"
    return text.replace("-", "")


def _near(name: str, wanted: str) -> list[str]:
    """What may have been meant: the series, else the vendor's models, else all."""
    series = re.match(r"[a-z]*", wanted)
    letters = series[0] if series else ""
    named = _MAKERS.search(name.lower())
    return (
        [model for model in _MODELS if letters and re.fullmatch(rf"{letters}-?\d.*", model)]
        or [model.name for model in _MODELS.values() if named and model.vendor.startswith(named[0])]
        or list(_MODELS)
    )
