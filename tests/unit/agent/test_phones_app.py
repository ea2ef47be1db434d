"""What is served to whom, and what is written down, without a socket or a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.agent.phones_app import Notes, create_app
from appliance.agent.phones_door import REALM, Door
from appliance.agent.throttle import Throttle
from appliance.auth import digest
from appliance.errors import PhoneRefused, SealBroken
from appliance.provisioning.files import Served
from appliance.provisioning.models import vendor_of_mac
from appliance.storage.phones import StoredPhone
from appliance.telemetry.journal import Journal
from tests.unit.agent.phones_made import MAC, OTHER, OTHER_TOKEN, TOKEN, MemoryRows, stored

FILE = f"{MAC}.cfg"


class Bench:
    """The application with its rows, its clock, and the lines of its journal."""

    def __init__(self, per_minute: float) -> None:
        self.rows = MemoryRows()
        self.rows.add(stored())
        self.rows.add(stored(OTHER, OTHER_TOKEN, vendor="grandstream", model="budgetone-100"))
        self.now, self.wall = 1000.0, 1_700_000_000.0
        self.failure: Exception | None = None
        self.lines: list[str] = []
        app = create_app(
            Door(self.rows, lambda: self.wall),
            Notes(self.rows, vendor_of_mac),
            self.document,
            Throttle(per_minute),
            lambda: self.now,
        )
        self.client: FlaskClient = app.test_client()

    def document(self, phone: StoredPhone, file: str) -> Served | None:
        if self.failure is not None:
            raise self.failure
        return Served(b"the whole of it", "text/plain", True) if phone.mac in file else None

    def get(self, path: str, method: str = "GET", **options: Any) -> TestResponse:
        return self.client.open(path, method=method, environ_base={"REMOTE_ADDR": "192.0.2.7"}, **options)

    def digest(
        self, file: str, user: str, password: str, *, challenge: str = "", uri: str = "", nc: str = "00000001"
    ) -> TestResponse:
        header = challenge or self.get(f"/{file}").headers["WWW-Authenticate"]
        nonce = header.partition('nonce="')[2].partition('"')[0]
        ha1, ha2 = digest.ha1(user, REALM, password), digest.HASHES["MD5"](f"GET:{uri or f'/{file}'}")
        response = digest.HASHES["MD5"](f"{ha1}:{nonce}:{nc}:c:auth:{ha2}")
        value = (
            f'Digest username="{user}", realm="{REALM}", nonce="{nonce}", uri="{uri or f"/{file}"}",'
            f' response="{response}", qop=auth, nc={nc}, cnonce="c"'
        )
        return self.get(f"/{file}", headers={"Authorization": value})


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    def make(per_minute: float = 10_000) -> Bench:
        bench = Bench(per_minute)
        monkeypatch.setattr(Journal, "current", Journal(lambda _level, told, _: bench.lines.append(told)))
        return bench

    return make


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make()


def test_a_phone_gets_its_own_by_the_secret_in_the_path(bench: Bench) -> None:
    answer = bench.get(f"/{TOKEN}/{FILE}", headers={"User-Agent": "Yealink SIP-T46S\x01"})
    assert (answer.status_code, answer.data) == (200, b"the whole of it")
    assert answer.headers["Cache-Control"] == "no-store"
    assert bench.rows.noted == [(MAC, "192.0.2.7", "Yealink SIP-T46S", 3)]
    assert bench.lines == [f"{MAC} at 192.0.2.7 got {FILE}"]


def test_parts_and_heads(bench: Bench) -> None:
    part = bench.get(f"/{TOKEN}/{FILE}", headers={"Range": "bytes=4-8"})
    assert (part.status_code, part.data) == (206, b"whole")
    head = bench.get(f"/{TOKEN}/{FILE}", method="HEAD")
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", "15")
    assert bench.get(f"/{TOKEN}/{FILE}", headers={"Range": "bytes=99-"}).status_code == 416


def test_whoever_asks_how_long_it_is_has_not_got_it(bench: Bench) -> None:
    assert bench.get(f"/{TOKEN}/{FILE}", method="HEAD").status_code == 200
    assert [served for _, _, _, served in bench.rows.noted] == [None]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (f"/{'C' * 27}/{FILE}", f'192.0.2.7 refused "wrong secret" mac={MAC}'),
        (f"/{OTHER_TOKEN}/{FILE}", f'192.0.2.7 refused "file of another phone" mac={OTHER}'),
        (f"/{'C' * 27}/x", '192.0.2.7 refused "wrong secret"'),
        (f"/{'C' * 27}/%0A192.0.2.9%20refused%20%22x%22", '192.0.2.7 refused "no such file"'),
        (f"/{TOKEN[:-1]}/{FILE}", f'192.0.2.7 refused "wrong secret" mac={MAC}'),
        (f"/{'x' * 600}", '192.0.2.7 refused "no such file"'),
        (f"/{TOKEN}é/{FILE}", f'192.0.2.7 refused "wrong secret" mac={MAC}'),
    ],
)
def test_everybody_else_gets_the_same_404_and_a_line(bench: Bench, path: str, line: str) -> None:
    nothing = bench.get(f"/{TOKEN}/logo.bmp")
    answer = bench.get(path)
    assert (answer.status_code, answer.data) == (404, b"Not found\n")
    assert bench.lines == [line]
    same = [(name, value) for name, value in answer.headers if name != "Date"]
    assert same == [(name, value) for name, value in nothing.headers if name != "Date"]


def test_a_disabled_phone_looks_like_one_that_does_not_exist(bench: Bench) -> None:
    bench.rows.add(stored(enabled=False))
    assert bench.get(f"/{TOKEN}/{FILE}").status_code == 404
    assert bench.digest(FILE, MAC, TOKEN).status_code == 404
    assert bench.lines == [f'192.0.2.7 refused "disabled" mac={MAC}'] * 2
    assert bench.rows.noted == []


def test_what_we_do_not_make_is_no_denial(bench: Bench) -> None:
    assert bench.get(f"/{TOKEN}/firmware.rom", headers={"User-Agent": "phone"}).status_code == 404
    assert bench.lines == []
    assert bench.rows.noted == [(MAC, "192.0.2.7", "phone", None)]


def test_logs_of_phones_are_taken_and_thrown_away(bench: Bench) -> None:
    answer = bench.get(f"/{TOKEN}/{MAC}-app.log", method="PUT", data=b"x" * 100_000)
    assert (answer.status_code, answer.data) == (200, b"")
    assert bench.get(f"/{'C' * 27}/{MAC}-app.log", method="PUT", data=b"x").status_code == 404
    assert bench.get(f"/{TOKEN}/{FILE}", method="DELETE").status_code == 404


def test_digest_is_the_other_way(bench: Bench) -> None:
    assert bench.get(f"/{FILE}").status_code == 401
    assert bench.digest(FILE, MAC, TOKEN).data == b"the whole of it"
    assert bench.digest(FILE, "00:15:65:12:34:56", TOKEN).status_code == 200


@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [
        (MAC, "wrong", f'"wrong credentials" mac={MAC}'),
        ("001565999999", TOKEN, '"wrong credentials" mac=001565999999'),
        ("somebody", TOKEN, f'"wrong credentials" mac={MAC}'),
        (OTHER, OTHER_TOKEN, f'"file of another phone" mac={OTHER}'),
    ],
)
def test_digest_of_somebody_else(bench: Bench, user: str, password: str, reason: str) -> None:
    answer = bench.digest(FILE, user, password)
    assert (answer.status_code, answer.data) == (404, b"Not found\n")
    assert bench.lines == [f"192.0.2.7 refused {reason}"]


def test_digest_cannot_be_played_again_or_elsewhere(bench: Bench) -> None:
    challenge = bench.get(f"/{FILE}").headers["WWW-Authenticate"]
    assert bench.digest(FILE, MAC, TOKEN, challenge=challenge).status_code == 200
    assert bench.digest(FILE, MAC, TOKEN, challenge=challenge).status_code == 404
    assert bench.digest(FILE, MAC, TOKEN, challenge=challenge, nc="00000002").status_code == 200
    assert bench.digest(FILE, MAC, TOKEN, uri="/elsewhere.cfg").status_code == 404
    assert bench.digest(FILE, MAC, TOKEN, uri="//[").status_code == 404
    bench.wall += 301
    late = bench.digest(FILE, MAC, TOKEN, challenge=challenge, nc="00000003")
    assert late.status_code == 401
    assert "stale=true" in late.headers["WWW-Authenticate"]


@pytest.mark.parametrize("value", ["Basic eHg6eXk=", "Digest nonsense", "Digest", ""])
def test_other_credentials(bench: Bench, value: str) -> None:
    assert bench.get(f"/{FILE}", headers={"Authorization": value}).status_code in (401, 404)


def test_a_stranger_is_written_down_once_a_minute(bench: Bench) -> None:
    for _ in range(3):
        assert bench.get("/001565999999.cfg").status_code == 401
    assert bench.rows.strangers == [("001565999999", "yealink", "http", "192.0.2.7")]
    bench.now += 61
    bench.get("/001565999999.cfg")
    assert len(bench.rows.strangers) == 2
    bench.get(f"/{FILE}")
    assert len(bench.rows.strangers) == 2  # ours is no stranger


def test_a_phone_is_written_down_once_a_minute_or_when_it_got_something_new(bench: Bench) -> None:
    for _ in range(5):
        bench.get(f"/{TOKEN}/logo.bmp")
    bench.get(f"/{TOKEN}/{FILE}")
    bench.get(f"/{TOKEN}/{FILE}")
    bench.rows.add(stored()._replace(serial=4))
    bench.get(f"/{TOKEN}/{FILE}")
    assert [served for _, _, _, served in bench.rows.noted] == [None, 3, 4]
    bench.now += 61
    bench.get(f"/{TOKEN}/{FILE}")
    assert len(bench.rows.noted) == 4


def test_too_many_requests(make: Callable[..., Bench]) -> None:
    bench = make(60)
    answers = [bench.get(f"/{TOKEN}/{FILE}").status_code for _ in range(61)]
    assert answers == [200] * 60 + [429]
    assert bench.get(f"/{TOKEN}/{FILE}").headers["Retry-After"] == "1"
    bench.now += 2
    assert bench.get(f"/{TOKEN}/{FILE}").status_code == 200


def test_a_guess_costs_more_than_a_request(make: Callable[..., Bench]) -> None:
    bench = make(60)
    answers = [bench.get(f"/{'C' * 27}/{FILE}").status_code for _ in range(5)]
    assert answers == [404, 404, 404, 429, 429]
    assert len(bench.lines) == 3


def test_a_guess_costs_as_much_when_hardly_anything_is_left(make: Callable[..., Bench]) -> None:
    bench = make(60)
    answers = []
    for _ in range(120):
        answers.append(bench.get(f"/{'C' * 27}/{FILE}").status_code)
        bench.now += 1
    assert answers.count(404) == 3 + 120 // 20


def test_without_a_database_phones_come_again(bench: Bench) -> None:
    bench.rows.away = True
    for path in (f"/{TOKEN}/{FILE}", f"/{'C' * 27}/{FILE}", f"/{FILE}"):
        answer = bench.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert bench.lines == []


@pytest.mark.parametrize("error", [PhoneRefused("password: is missing"), SealBroken("another key")])
def test_what_cannot_be_made_is_told_to_the_administrator(bench: Bench, error: Exception) -> None:
    bench.failure = error
    answer = bench.get(f"/{TOKEN}/{FILE}")
    assert (answer.status_code, answer.data) == (503, b"Try again later\n")
    assert bench.lines == [f"{MAC}: {error}"]


def test_what_nobody_foresaw_tells_no_secret(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.failure = TypeError("unforeseen")
    answer = bench.get(f"/{TOKEN}/{FILE}")
    assert (answer.status_code, answer.data) == (503, b"Try again later\n")
    assert "unforeseen" in caplog.text
    assert TOKEN not in caplog.text
