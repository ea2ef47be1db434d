from __future__ import annotations

from typing import get_args

import pytest

from appliance.config import parse, sections
from appliance.config.checks import is_host
from appliance.errors import SettingsError
from appliance.provisioning import phone


def complaint(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(text)
    return str(caught.value)


DOMAIN = '[sip]\ndomains = ["example.org"]\n[domains."example.org"]\n'
TWO = '[cluster]\nkey_file = "/k"\nmembers = ["a=192.0.2.1", "b=192.0.2.2"]\n'
SHARED = 'shared_address = "192.0.2.9"'
NODE = '[replication]\ngroup = "239.255.80.1"\n'
MARIADB = '[database]\nurl = "mysql+pymysql://sipbox@localhost/openser?unix_socket=/run/mysqld/mysqld.sock"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sip]\nlisten = []", "at least one address"),
        ('[sip]\nlisten = ["udp:127.0.0.1:5060", "udp:127.0.0.1:5060"]', "twice"),
        ('[sip]\nlisten = ["udp:0.0.0.0:5060"]', "listens everywhere"),
        (
            '[sip]\nlisten = ["tcp:127.0.0.1:5060", "ws:127.0.0.1:5060"]',
            "'ws:127.0.0.1:5060' has the address of 'tcp:127.0.0.1:5060': each needs a port of its own",
        ),
        ('[sip]\nlisten = ["tls:127.0.0.1:5061"]', "'tls:127.0.0.1:5061' in sip.listen needs a certificate"),
        ('[tls]\ncertificate = "/c.pem"', "tls.certificate: certificate and certificate_key go together"),
        (
            '[tls]\ncertificate = "c.pem"\ncertificate_key = "/k.pem"',
            "tls.certificate: 'c.pem' has to be an absolute path",
        ),
        ('[tls]\nclient_certificates = "require"', "tls.client_authorities: is needed with"),
        ('[tls]\nserver_authorities = "ca.pem"', "'ca.pem' has to be an absolute path"),
        (
            f'{DOMAIN}certificate = "/c.pem"\ncertificate_key = "/k.pem"',
            "domains.example.org.certificate: needs tls.certificate too: many phones ask for no name",
        ),
        (
            '[websocket]\norigins = ["phone.example.org"]',
            "websocket.origins[0]: 'phone.example.org' has to be like https://phone.example.org",
        ),
        ('[phones]\ntransport = "tls"', "phones.transport: 'tls' needs an address with tls:"),
        ('[sip]\ndomains = ["example.org:5060"]', "neither a domain name nor an address"),
        ('[sip]\ndomains = ["exa mple"]', "neither a domain name nor an address"),
        ('[sip]\ndomains = ["::1"]', "has to stand in brackets, as it does in a URI: [::1]"),
        ('[domains."example.org"]', "describes a domain that is not in sip.domains"),
        (f'{DOMAIN}hosts = ["exa mple"]', "domains.example.org.hosts[0]: 'exa mple' is neither a name of a"),
        (f'{DOMAIN}hosts = ["::1"]', "IPv6 in brackets"),
        (f'{DOMAIN}hosts = ["a.org", "A.org."]', "stands in domains.example.org.hosts already"),
        (f'{DOMAIN}hosts = ["example.org"]', "stands in sip.domains already: a name is of one domain"),
        (f"{DOMAIN}attributes = {{digest_realm = 'a\"b'}}", "printable characters without quotes"),
        (f"{DOMAIN}attributes = {{'' = 'a'}}", "name of an attribute has 1 to 32"),
        (f"{DOMAIN}attributes = {{walled_garden = 'yes'}}", "'yes' has to be one of off, inbound, both"),
        ('[sip]\naliases = ["example.org:x"]', "HOST or HOST:PORT"),
        ('[sip]\nadvertise = ["203.0.113.7:x"]', "sip.advertise[0]: '203.0.113.7:x' has to end with a port"),
        ('[sip]\nadvertise = ["udp:10.9.9.9:5060=203.0.113.7"]', "'udp:10.9.9.9:5060' is none of listen"),
        ('[sip]\nadvertise = ["203.0.113.7", "203.0.113.8"]', "'what is for all' is advertised twice"),
        ('[gateway]\npermissions = ["00"]', "has to be PREFIX=GROUP or NUMBER$=GROUP, such as 00=int"),
        ('[gateway]\npermissions = ["0a=ld"]', "gateway.permissions[0]: '0a=ld' has to be PREFIX=GROUP"),
        ('[gateway]\npermissions = ["0=a b"]', "has to be PREFIX=GROUP"),
        ('[gateway]\ncredentials_file = "logins.toml"', "'logins.toml' has to be an absolute path"),
        ('[replication]\ngroup = "192.0.2.1"', "'192.0.2.1' is no multicast group of IPv4"),
        ('[replication]\npeers = ["192.0.2.2"]', "has to be ADDRESS:PORT, as in 192.0.2.2:5065"),
        ('[replication]\npeers = ["other.example:5065"]', "has to be ADDRESS:PORT"),
        (
            '[replication]\ninterface = "192.0.2.1"\npeers = ["[2001:db8::2]:5065"]',
            "cannot be reached from interface, which is '192.0.2.1'",
        ),
        ('[replication]\nsip = "192.0.2.1"', "has to be ADDRESS:PORT, as in 192.0.2.1:5060"),
        ('[replication]\ngroup = "239.255.80.1"', "replication.interface: '' has to be an address of ours"),
        (f'{NODE}interface = "::1"\nkey_file = "/k"', "replication.interface: '::1' has to be an address"),
        (f'{NODE}interface = "127.0.0.1"\nkey_file = "k"', "'k' has to be an absolute path"),
        (
            f'{NODE}interface = "127.0.0.1"\nkey_file = "/k"\n[registrar]\nlocation_mode = "database"',
            "keeps no bindings in memory",
        ),
        (
            f'{NODE}interface = "127.0.0.1"\nkey_file = "/k"\n[sip]\nlisten = ["tcp:127.0.0.1:5060"]',
            "has to say where neighbours send calls",
        ),
        ("[gateway]\nleast_digits = 9\nmost_digits = 8", "9 must not exceed most_digits, which is 8"),
        ('[media]\nmode = "always"\nnodes = []', "media.nodes: needs at least one rtpengine"),
        ('[media]\nnodes = ["pbx:2223"]', "'pbx:2223' has to be ADDRESS:PORT"),
        ('[media]\nnodes = ["127.0.0.1:1", "127.0.0.1:1"]', "'127.0.0.1:1' stands there twice"),
        ('[media]\nnodes = ["127.0.0.1"]', "'127.0.0.1' has to be ADDRESS:PORT"),
        ('[media]\ninside_networks = ["10.0.0.0/99"]', "'10.0.0.0/99' is no network"),
        ('[media]\nmode = "nated"\n[nat]\ndetect = false', "media.mode: 'nated' needs nat.detect"),
        ('[media]\nmode = "often"', "media.mode: 'often' has to be one of"),
        ('[media]\ninterfaces = ["one"]', "media.interfaces"),
        ('[nat]\ntests = ["stun"]', "nat.tests[0]: 'stun' has to be one of contact, via"),
        ('[nat]\nkeepalive = "crlf"\nremove_after_misses = 3', 'needs keepalive = "options"'),
        ('[sip]\nself_loop = ["ACK"]', "cannot be looped"),
        ('[sip]\nserver_header = "a\\r\\nEvil: 1"', "one short line"),
        ('[sip]\nstate_dir = "var"', "absolute path"),
        ('[agent]\nfifo = "fifo"', "absolute path"),
        (f'[sip]\ncontrol = "/{"x" * 107}"', "107 bytes"),
        ('[agent]\nsocket = "/run/sipbox/control.sock"', "in use for another"),
        ('[agent]\nsocket = "/run/sipbox/fifo"', "in use for another"),
        ("[sip]\nworkers = 2", "workers: are 2, and SQLite is for one"),
        ("[sip]\nworkers = 65", "workers"),
        (
            f'[sip]\nworkers = 2\n{MARIADB}\n[registrar]\nlocation_mode = "memory"',
            "'memory' is for one worker",
        ),
        (f'[sip]\nworkers = 2\n{MARIADB}\n[registrar]\nlocation_mode = "write-back"', "is for one worker"),
        (f'[sip]\nworkers = 2\ncontrol = "/{"x" * 100}"\n{MARIADB}', "no path for a socket"),
        ("[sip]\nt2_ms = 100", "not be less than t1_ms"),
        ("[sip]\nring_seconds = 200", "not exceed timer_c_seconds"),
        ("[limits]\nheader_bytes = 8192\nmessage_bytes = 4096", "not exceed message_bytes"),
        ("[limits]\nuri_bytes = 20000", "not exceed header_bytes"),
        ("[registrar]\nmax_expires = 1800", "default_expires: 3600 must not exceed max_expires"),
        ('[registrar]\nservice_route = ["sip:a.example;lr"]', "is no route; write <sip:HOST;lr>"),
        ('[registrar]\nservice_route = ["<sip:a.example>"]', "would be a strict router; add ;lr"),
        ("[auth]\nalgorithms = []", 'is empty, so nobody could register; write ["MD5"]'),
        ('[auth]\nalgorithms = ["MD5", "MD5"]', "names one of them twice; take one out"),
        (
            '[auth]\nalgorithms = ["SHA-256"]\nmd5_agents = ["x"]',
            "are asked for MD5, which auth.algorithms does not have; add it there",
        ),
        ('[auth]\nmd5_agents = [""]', "has an empty name, which would be everybody's; take it out"),
        ("[registrar]\nmin_expires = 5000", "default_expires: 3600 must not be less than min_expires"),
        ('[agent]\nhttp = "127.0.0.1"', "HOST:PORT"),
        ('[agent]\nhttp = "127.0.0.1:5060"', "is the address of 'tcp:127.0.0.1:5060'"),
        ('[phones]\nhttp = "8088"', "phones.http: '8088' has to be HOST:PORT"),
        ('[phones]\nhttp = "127.0.0.1:8080"', "is the address of agent.http"),
        ('[phones]\nurl = "ftp://192.0.2.1/"', "has to be like http://"),
        ('[phones]\nurl = "http://192.0.2.1/a b"', "has characters that a URL cannot have"),
        ('[phones]\ncertificate = "/x.pem"', "go together"),
        ('[phones]\nkey_file = ""', "absolute path"),
        ('[phones]\ntemplates = "mine"', "absolute path"),
        ('[phones]\nauthority = "authority.pem"', "absolute path"),
        ("[phones]\npnp = true", "phones.pnp: needs http"),
        ('[phones]\npnp_networks = ["192.168.1.1/24"]', "is no network such as"),
        ('[phones]\npnp_interface = "eth0"', "an IPv4 address of this machine"),
        ('[phones]\npnp_interface = "::1"', "an IPv4 address of this machine"),
        ('[phones]\nsip_server = "a b"', "HOST or HOST:PORT"),
        ('[phones]\ntransport = "tls"', "transport"),
        ('[phones]\ntime_zone = "Berlin time"', "no time zone such as Europe/Berlin"),
        ('[phones]\ntime_zone = "Europe/Nowhere"', "no time zone such as Europe/Berlin"),
        ('[phones]\nlanguage = "xx"', "phones.language"),
        ('[phones]\ncodecs = ["mp3"]', "phones.codecs[0]"),
        ("[phones]\ncodecs = []", "phones.codecs"),
        ('[phones]\nvoicemail = "call me"', "no number to dial"),
        ('[cluster]\nkey_file = "k"', "cluster.key_file: 'k' has to be an absolute path"),
        ('[cluster]\nshared_address = "192.0.2.9"', "cluster.key_file: is needed"),
        (TWO.replace("b=", "b"), "members[1]: 'b192.0.2.2' has to be NAME=ADDRESS"),
        (TWO.replace("b=", "a="), "two members with the name a"),
        (f'{TWO}shared_address = "pbx"', "'pbx' is no address; write it like 192.0.2.9"),
        (f'{TWO}shared_address = "192.0.2.9/24"', "192.0.2.9 has to stand in sip.listen too"),
        (f'{TWO}shared_address = "127.0.0.1"', "is all that sip.listen has"),
        (
            f'[sip]\nlisten = ["udp:192.0.2.1:5060", "udp:192.0.2.9:5060"]\n{TWO}{SHARED}',
            "needs [replication]",
        ),
    ],
)
def test_what_cannot_be(text: str, words: str) -> None:
    assert words in complaint(text)


def test_what_phones_may_be_told_is_said_twice_and_the_same() -> None:
    assert get_args(sections.Language) == phone.LANGUAGES
    assert sections.CODECS == phone.CODECS


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////var/lib/sipbox/sipbox.db",
        "mysql+pymysql://sipbox:p%40ss@localhost/openser",
        "mysql+pymysql://sipbox@localhost:3307/openser?charset=utf8mb4",
        "mysql+pymysql://sipbox@/openser?unix_socket=/run/mysqld/mysqld.sock",
        "mariadb+pymysql://sipbox@[::1]/openser",
    ],
)
def test_database_urls_that_are_understood(url: str) -> None:
    assert parse(f'[database]\nurl = "{url}"').database.url == url


def test_further_members_of_the_databases_cluster() -> None:
    first, second = (
        "mysql+pymysql://sipbox:s%40@192.0.2.11/openser",
        "mysql+pymysql://sipbox:s%40@192.0.2.12/openser",
    )
    assert parse(f'{MARIADB}\nothers = ["{first}", "{second}"]').database.others == (first, second)
    assert "database.others[1]: stands there twice" in complaint(
        f'{MARIADB}\nothers = ["{first}", "{first}"]'
    )
    for others in ("sqlite:////var/lib/more.db", "mysql+pymysql://sipbox:secret@192.0.2.11"):
        told = complaint(f'{MARIADB}\nothers = ["{others}"]')
        assert "database.others[0]" in told and "secret" not in told
    assert "stands beside SQLite" in complaint(f'[database]\nothers = ["{first}"]')


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:///relative.db",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://sipbox:s3cret@localhost/openser",
        "mysql://sipbox:s3cret@localhost/openser",
        "mysql+pymysql://sipbox:s3cret@localhost",
        "mysql+pymysql:///openser",
        "mysql+pymysql://sipbox:s3cret/x@localhost/openser",
    ],
)
def test_other_database_urls_are_refused_and_no_password_is_shown(url: str) -> None:
    told = complaint(f'[database]\nurl = "{url}"')
    assert "database.url" in told
    assert "s3cret" not in told


def test_no_limits_and_nothing_offered() -> None:
    settings = parse('[registrar]\nmax_expires = 0\nmax_contacts = 0\n[agent]\nfifo = ""\nhttp = ""\n')
    assert settings.registrar.max_expires == 0
    assert settings.agent.http == ""


@pytest.mark.parametrize(
    "text", ["example.org", "EXAMPLE", "a-b.c_d.e", "192.0.2.1", "::1", "[::1]", "3com.com"]
)
def test_hosts(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text", ["", "a b", "-a.org", "a..b", "999.1.1.1", "1.2.3", "[1", "a.org:5060", "a\n", "x" * 254]
)
def test_no_hosts(text: str) -> None:
    assert not is_host(text)


def test_several_workers_with_mariadb() -> None:
    settings = parse(f"[sip]\nworkers = 3\n{MARIADB}")
    assert settings.sip.worker_count == 3
    assert settings.sip.controls == [
        "/run/sipbox/control.sock",
        "/run/sipbox/control-2.sock",
        "/run/sipbox/control-3.sock",
    ]
    assert settings.sip.link_of(1) == "/run/sipbox/control-link-1.sock"


def test_no_number_is_one_worker_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(6))
    assert parse(f"[sip]\nworkers = 0\n{MARIADB}").sip.worker_count == 6
