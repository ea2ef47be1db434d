from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config import Settings, check, load, parse
from appliance.errors import SettingsError


def refusal(text: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        parse(text, "sipbox.toml")
    assert "\n" not in str(caught.value)
    return caught.value


def test_nothing_said_gives_the_defaults() -> None:
    settings = parse("")
    assert settings == Settings()
    assert settings.sip.listen == ("udp:127.0.0.1:5060", "tcp:127.0.0.1:5060")
    assert settings.registrar.location_mode == "write-through"
    assert (settings.registrar.min_expires, settings.registrar.max_expires) == (60, 7200)
    assert settings.auth.qop is True
    assert settings.agent.fifo == "/run/sipbox/fifo"


def test_the_defaults_pass_their_own_checks() -> None:
    parse("[sip]\n[limits]\n[auth]\n[registrar]\n[database]\n[agent]\n[log]\n")


def test_values_are_taken() -> None:
    settings = parse(
        '[sip]\ndomains = ["Example.ORG.", "192.0.2.1"]\nself_loop = ["register"]\n[auth]\nqop = false\n'
    )
    assert settings.sip.domains == ("example.org", "192.0.2.1")
    assert settings.sip.self_loop == ("REGISTER",)
    assert settings.auth.qop is False


def test_a_domain_may_have_further_names_and_attributes() -> None:
    settings = parse(
        '[sip]\ndomains = ["example.org", "example.net"]\n'
        '[domains."Example.org"]\nhosts = ["SIP.example.org", "192.0.2.1"]\n'
        'attributes = {digest_realm = "Example"}\n'
    )
    first, second = settings.named_domains
    assert first == ("example.org", ("sip.example.org", "192.0.2.1"), {"digest_realm": "Example"})
    assert second == ("example.net", (), {})


def test_settings_never_change() -> None:
    with pytest.raises(AttributeError):
        parse("").sip.ring_seconds = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "line", "path", "words"),
    [
        ("[sip]\n\nlistn = []", 3, "sip.listn", "no such setting; was listen meant?"),
        ("[sip]\nzzz = 1", 2, "sip.zzz", "there are listen, domains"),
        ("\n[spi]\n", 2, "spi", "no such section; was sip meant?"),
        ("listen = []", 1, "listen", "no such section"),
        ("sip = 5", 1, "sip", "has to be a section, and is a whole number"),
        ('[domains]\n"a.org" = {}\n"b.org" = 5', 3, "domains.b.org", "has to be a section, and is a whole"),
        ('[domains."a.org"]\nhost = []', 2, "domains.a.org.host", "no such setting; was hosts meant?"),
        ('[domains."a.org"]\nhosts = [1]', 2, "domains.a.org.hosts[0]", "has to be a text"),
        ('[domains.a.attributes]\nx = "y"\nz = 1', 3, "domains.a.attributes.z", "has to be a text"),
        ("[sip]\nt1_ms = true", 2, "sip.t1_ms", "has to be a whole number, and is true or false"),
        ("[sip]\nt1_ms = 500.0", 2, "sip.t1_ms", "has to be a whole number, and is a number"),
        ('[auth]\nqop = "yes"', 2, "auth.qop", "has to be true or false, and is a text"),
        ('[sip]\nlisten = "udp:127.0.0.1:5060"', 2, "sip.listen", "has to be a list, and is a text"),
        ('[sip]\nlisten = [\n "udp:127.0.0.1:5060",\n 5060]', 4, "sip.listen[1]", "has to be a text"),
        (
            "[registrar]\nmin_expires = -1",
            2,
            "registrar.min_expires",
            "-1 is out of range: a whole number >= 0",
        ),
        ('[registrar]\nlocation_mode = "db"', 2, "registrar.location_mode", '"memory", "write-through"'),
        ('[agent]\nfifo_mode = "rw"', 2, "agent.fifo_mode", "octal mode"),
        ("[database]\nchange_poll_seconds = nan", 2, "database.change_poll_seconds", "out of range"),
        ("[sip]\ntimer_c_seconds = 180", 2, "sip.timer_c_seconds", ">= 181"),
    ],
)
def test_a_wrong_setting_is_named_with_file_line_and_path(
    text: str, line: int, path: str, words: str
) -> None:
    error = refusal(text)
    assert (error.file, error.line, error.path) == ("sipbox.toml", line, path)
    assert words in str(error)
    assert str(error).startswith(f"sipbox.toml:{line}: {path}: ")


@pytest.mark.parametrize(
    ("text", "line"), [("[sip]\nlisten = [", 2), ("[sip]\nx = \n", 2), ("a = 1\na = 2", 2), ("=", 1)]
)
def test_what_is_no_toml_is_named_with_its_line(text: str, line: int) -> None:
    error = refusal(text)
    assert error.line == line
    assert "is not TOML" in str(error)


def test_a_check_between_values_has_the_line_of_its_value() -> None:
    error = refusal("[registrar]\nmax_expires = 600\nmin_expires = 900\n")
    assert str(error) == "sipbox.toml:3: registrar.min_expires: 900 must not exceed max_expires, which is 600"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file; name one with --config"):
        load(str(tmp_path / "none.toml"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load(str(tmp_path))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "sipbox.toml"
    file.write_bytes(b"[sip]\nserver_header = '\xff'\n")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load(str(file))


def test_check_remarks_on_what_is_allowed_and_may_surprise(tmp_path: Path) -> None:
    file = tmp_path / "sipbox.toml"
    file.write_text(
        '[registrar]\nlocation_mode = "memory"\n[agent]\nhttp = "192.0.2.1:80"\nfifo_mode = "0666"\n'
    )
    remarks = check(str(file))
    assert [remark.removeprefix(f"{file}:").partition(":")[0] for remark in remarks] == ["2", "5", "4"]
    assert "lost at each restart" in remarks[0]


def test_check_has_nothing_to_say_about_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "sipbox.toml"
    file.write_text("")
    assert check(str(file)) == []
