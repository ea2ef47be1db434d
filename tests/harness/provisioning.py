"""A server whose agent serves phones, and HTTP as phones speak it."""

from __future__ import annotations

import http.client
import re
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from appliance.provisioning.vault import new_key
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

GRANDSTREAM, YEALINK, SNOM = "000b82123456", "001565123456", "000413123456"
PHONES = f"""phones:
  - mac: "{GRANDSTREAM}"
    model: budgetone-100
    user: "10"
    display_name: Reception
  - mac: "{YEALINK}"
    model: t46s
    accounts: [{{user: "10"}}, {{user: "20", password: "given-20"}}]
    language: de
  - mac: "{SNOM}"
    model: d785
    user: "21"
"""


class Got(NamedTuple):
    """An answer: status, body, headers by their names in lower case."""

    status: int
    body: bytes
    headers: dict[str, str]


class PhoneBox(Sipbox):
    """A server with its agent; ``phones`` changes the section of that name."""

    def __init__(self, database_url: str | None = None, **phones: Any) -> None:
        self.phones_port = free_port()
        super().__init__(database_url, agent=True)
        self.key = self.directory / "phones.key"
        self.key.write_text(new_key())
        self.key.chmod(0o600)
        said = {"http": f"{LOOPBACK}:{self.phones_port}", "key_file": str(self.key), **phones}
        self.write_settings({"phones": said})

    def apply(self, text: str = PHONES, *options: str) -> str:
        """``sipbox phone apply``; what it printed."""
        done = self.cli("phone", "apply", "-", "--diff", *options, typed=text)
        return done.stdout + done.stderr

    def token(self, mac: str) -> str:
        ((token,),) = self.sql(f"select token from phone where mac = '{mac}'")
        return str(token)

    def get(self, path: str, method: str = "GET", scheme: str = "http", **headers: str) -> Got:
        """One request, as a phone makes it."""
        url = f"{scheme}://{LOOPBACK}:{self.phones_port}{path}"
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20, context=_unchecked(scheme)) as response:
                return _got(response)
        except urllib.error.HTTPError as error:
            with error:
                return _got(error)

    def digest(self, file: str, user: str, password: str) -> Got:
        """With HTTP digest, by a client that is not ours."""
        url = f"http://{LOOPBACK}:{self.phones_port}/{file}"
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, url, user, password)
        opener = urllib.request.build_opener(urllib.request.HTTPDigestAuthHandler(passwords))
        try:
            with opener.open(url, timeout=20) as response:
                return _got(response)
        except urllib.error.HTTPError as error:
            with error:
                return _got(error)

    @property
    def agent_log(self) -> str:
        return (self.directory / "agent.log").read_text(errors="replace")

    @property
    def denials(self) -> list[str]:
        """The messages of the denials, as the journal gets them."""
        lines = re.findall(r'msg="(.*?)" event=phone-denied', self.agent_log)
        return [line.replace('\\"', '"') for line in lines]

    def wait_for_log(self, words: str) -> None:
        wait_until(f"{words!r} in the agent's log", lambda: words in self.agent_log, timeout=30)


def _unchecked(scheme: str) -> ssl.SSLContext | None:
    if scheme == "http":
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _got(response: http.client.HTTPResponse | urllib.error.HTTPError) -> Got:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Got(response.status or 0, response.read(), headers)


def cfg_values(text: bytes) -> dict[str, str]:
    """A file of ``name = value`` lines as a phone reads it."""
    return dict(re.findall(r"(?m)^([\w.]+) = (.*)$", text.decode()))


def failregex(filter_file: Path) -> re.Pattern[str]:
    """The pattern of a fail2ban filter, with its ``<HOST>`` written out for IPv4 and IPv6."""
    (pattern,) = re.findall(r"(?m)^failregex = (.*)$", filter_file.read_text())
    return re.compile(pattern.replace("<HOST>", r"(?P<host>[0-9a-f.:]+)"))
