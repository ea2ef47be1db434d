from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.provisioning.grandstream_binary import encode
from tests.unit.provisioning.phones_made import MAC, content, phone


def taken_apart(data: bytes) -> tuple[bytes, dict[str, str]]:
    """The MAC address and the parameters, after the checks that the phone makes; written from the facts."""
    assert len(data) % 2 == 0
    words = [data[at] * 256 + data[at + 1] for at in range(0, len(data), 2)]
    assert words[0] * 65536 + words[1] == len(words)
    assert sum(words) % 65536 == 0
    assert data[12:16] == b"\r\n\r\n"
    body = data[16:].rstrip(b"\0")
    assert len(data) - 16 - len(body) in (0, 1)
    pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert pairs[-1] == ("gnkey", "0b82")
    assert len(dict(pairs)) == len(pairs)
    return data[6:12], dict(pairs[:-1])


def test_a_file_byte_by_byte() -> None:
    # 8 words of header; 27 bytes of parameters and a zero are 14.
    made = encode(MAC, "# two parameters\n\nP47=a.org\nP35=10\n")
    assert made[:4] == b"\x00\x00\x00\x16"
    assert made[6:16] == b"\x00\x0b\x82\x12\x34\x56\r\n\r\n"
    assert made[16:] == b"P47=a.org&P35=10&gnkey=0b82\0"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9999), st.text("abc%20&=", max_size=9)), max_size=20))
def test_the_sum_is_zero_whatever_is_said(pairs: list[tuple[int, str]]) -> None:
    text = "".join(f"P{number}=x{len(value)}\n" for number, value in dict(pairs).items())
    mac, said = taken_apart(encode("ffeeddccbbaa", text))
    assert mac == b"\xff\xee\xdd\xcc\xbb\xaa"
    assert said == {f"P{number}": f"x{len(value)}" for number, value in dict(pairs).items()}


def test_a_budgetone() -> None:
    made = phone("budgetone-100", display_name="Ada & Søn", voicemail="*97", codecs="g722,pcma,pcmu")
    mac, said = taken_apart(content(made, f"cfg{MAC}"))
    assert mac == bytes.fromhex(MAC)
    expected = {
        "P271": "1",
        "P47": "example.org",
        "P48": "192.0.2.10:5060",
        "P35": "10",
        "P36": "10",
        "P34": "s3cret&<x",
        "P3": "Ada & Søn",
        "P33": "*97",
        "P31": "1",
        "P32": "60",  # minutes
        "P130": "0",
        "P57": "8",  # PCMA: this one has no G.722
        "P58": "0",
        "P64": "780",  # an hour east, from the date line
        "P75": "1",
        "P246": "03,-1,7,02,00;10,-1,7,03,00;60",
        "P212": "1",
        "P237": "192.0.2.10:8088/token",
    }
    assert said | expected == said
    assert "P2" not in said
    assert list(said)[:2] == ["P271", "P47"]


def test_four_accounts_on_an_old_phone() -> None:
    made = phone(
        "gxp2000", accounts=[{"user": "10", "password": "a"}, {"user": "12", "password": "b&c", "line": 3}]
    )
    _, said = taken_apart(content(made, f"cfg{MAC}"))
    assert (said["P271"], said["P401"], said["P501"], said["P601"]) == ("1", "0", "1", "0")
    assert (said["P502"], said["P504"], said["P506"]) == ("example.org", "12", "b&c")
