"""The storage of one SIP process put together: credentials, names and bindings of one database.

What the proxy core asks (who is this, what is served, where does an alias point) is answered from memory; the
change log keeps that true. Must not know SIP requests, nor sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import gevent

from appliance.config import NamedDomain, Settings
from appliance.errors import DatabaseRefused, DatabaseUnavailable, MalformedMessage, StorageError
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.registrar.preferences import ATTRIBUTES, Preferences, gather_preferences
from appliance.registrar.served import ServedDomain
from appliance.sip.hop import Hop
from appliance.sip.hosts import is_ipv4, is_ipv6_reference
from appliance.sip.uri import AddressOfRecord, Uri
from appliance.storage.bindings import BindingWriter
from appliance.storage.call_records import CallRecords
from appliance.storage.changes import Change, ChangeLog
from appliance.storage.cluster_watch import ClusterWatch
from appliance.storage.durability import assert_durable
from appliance.storage.engine import Database
from appliance.storage.group_commit import Changes
from appliance.storage.identities import Identities
from appliance.storage.names import Names
from appliance.storage.peers import Peers, Rows
from appliance.storage.permissions import Permissions
from appliance.storage.readable import assert_readable
from appliance.storage.served_domains import ServedDomains, Watcher
from appliance.storage.silo import Silo
from appliance.storage.site_prefixes import Rows as SiteRows
from appliance.storage.site_prefixes import SitePrefixes
from appliance.storage.spool import Spool
from appliance.storage.subscribers import Subscribers
from appliance.storage.tables import speed_dial, usr_preferences
from appliance.storage.user_rows import UserRows
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics

_TIDY_SECONDS = 60.0
#: Users whose credentials are read at a start before they ask: some 60 MB, and a second's work.
_READ_AHEAD = 100_000


class Directory:
    """Everything that the SIP process keeps in its database.

    ``is_open(hop)`` says whether the connection is there that a phone registered by: it may have outlived the
    process that it registered with. ``worker`` is the number of this process; ``tell(changes, then)`` tells
    others (workers, other nodes) of bindings that were written, None where there are none; ``alone``: nobody
    else writes the rows of this process.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        journal: Journal,
        is_open: Callable[[Hop], bool] = lambda _: False,
        *,
        worker: int = 1,
        tell: Callable[[Changes, Callable[[], None]], None] | None = None,
        alone: bool | None = None,
    ) -> None:
        sip, wanted, registrar = settings.sip, settings.database, settings.registrar
        self._journal = journal
        self._is_open = is_open
        self._answers_mean_durable = registrar.location_mode in ("write-through", "database")
        self.database = Database(
            wanted.url,
            others=wanted.others,
            pool_size=wanted.pool_size,
            connect_timeout=wanted.connect_timeout_seconds,
            query_timeout=wanted.query_timeout_seconds,
        )
        self._cluster = ClusterWatch(self.database, journal) if wanted.others else None
        self.domains = domains = ServedDomains(self.database, settings.named_domains)
        self._domains_before, self._only_before = domains.by_host, domains.only()
        self.credentials = Subscribers(
            self.database,
            cached=settings.auth.credentials_cached,
            only=domains.only,
            hosts=domains.hosts,
            case_sensitive=registrar.case_sensitive,
            algorithms=settings.auth.algorithms,
        )
        self.names = Names(
            self.database,
            only=domains.only,
            hosts=domains.hosts,
            case_sensitive=registrar.case_sensitive,
        )
        self.identities = Identities(self.database, domains, case_sensitive=registrar.case_sensitive)
        self.bindings = BindingWriter(
            self.database,
            mode=registrar.location_mode,
            spool=None if wanted.embedded else Spool(Path(sip.state_dir) / spool_name(worker)),
            write_back_seconds=registrar.write_back_seconds,
            gather_seconds=wanted.commit_gather_ms / 1000,
            sole_writer=tell is None if alone is None else alone,
            tell=tell,
            complete=self.complete,
        )
        self.call_records: CallRecords | None = None
        if settings.accounting.enabled:
            self.call_records = CallRecords(settings, self.database, metrics, journal, worker)
        self._alone = tell is None
        self._again = False
        self._changes = ChangeLog(self.database, every=wanted.change_poll_seconds)
        self.peers = Peers(self.database, self._tell_of_peers)
        self.permissions = Permissions(
            self.database, self.peers.has_gateways, domains, case_sensitive=registrar.case_sensitive
        )
        column = usr_preferences.c
        self._preferences: UserRows[Preferences] = UserRows(
            self.database,
            usr_preferences,
            (column.attribute, column.value),
            gather_preferences,
            domains,
            chosen=column.attribute.in_(ATTRIBUTES),
            case_sensitive=registrar.case_sensitive,
        )
        self._speed_dials: UserRows[dict[str, str]] = UserRows(
            self.database,
            speed_dial,
            (speed_dial.c.sd_username, speed_dial.c.new_uri),
            dict,
            domains,
            case_sensitive=registrar.case_sensitive,
        )
        self.sites = SitePrefixes(self.database)
        self.offline = Silo(self.database, domains, case_sensitive=registrar.case_sensitive)
        self._of_users = (
            self.identities.rows,
            self.permissions,
            self._preferences,
            self._speed_dials,
            self.offline.rows,
        )
        # Permissions follow the gateways: without any, nobody asks for them.
        self._resident = (domains, self.names, self.peers, *self._of_users, self.sites)
        self._changes.tell += [self.credentials.follow, *(each.follow for each in self._resident)]
        self._changes.tell_all += [self.credentials.forget_all, *(each.forget_all for each in self._resident)]
        self._locations: Locations | None = None
        domains.watch(self._domains_changed)
        self._loading: gevent.Greenlet[[Locations], None] | None = None
        self._reading_ahead: gevent.Greenlet[[Locations], None] | None = None
        self._tidying: gevent.Greenlet[[], None] | None = None
        self._reads_every_time = registrar.location_mode == "database"
        self._observe(metrics)

    # -- life ------------------------------------------------------------------------------------------------

    def start(self, locations: Locations) -> None:
        """Begins to write and to load, whether the database is there or not.

        Raises DatabaseRefused when it is there and not what we need, StorageError when the spool is not.
        """
        locations.loading = True
        self._locations = locations
        self.database.watch()
        self.bindings.start()
        if self._cluster is not None:
            self._cluster.start()
        if self.call_records is not None:
            self.call_records.start()
        try:
            assert_readable(self.database)
            self._load_names()
            if self._answers_mean_durable:
                self._warn_unless_durable()
        except DatabaseUnavailable:
            pass  # it has been told (_tell_of_outage), and everything comes when the database does
        self._changes.start()
        self._loading = gevent.spawn(self._load, locations)
        if self._reads_every_time:
            self._tidying = gevent.spawn(self._tidy)

    def stop(self) -> None:
        """Writes what is not written yet."""
        for greenlet in (self._loading, self._reading_ahead, self._tidying):
            if greenlet is not None:
                greenlet.kill()
        self._changes.stop()
        if self.call_records is not None:
            self.call_records.stop()
        self.bindings.stop()
        self.credentials.close()
        if self._cluster is not None:
            self._cluster.stop()
        self.database.close()

    def _tidy(self) -> None:
        """Rows that have run out go now and then: where nothing is in memory, nobody learns of each one."""
        while True:
            try:
                self.bindings.remove_dead()
            except StorageError as error:
                self._journal.say("warning", f"rows of expired bindings stay for now: {error}")
            gevent.sleep(_TIDY_SECONDS)

    def _warn_unless_durable(self) -> None:
        try:
            assert_durable(self.database)
        except DatabaseRefused as error:
            self._journal.say("warning", str(error))

    def _load(self, locations: Locations) -> None:
        count = self.bindings.load(locations)
        self._journal.event("bindings-loaded", f"{count} bindings are in memory")
        self._reading_ahead = gevent.spawn(self._read_ahead, locations)
        self._load_again(locations)

    def _read_ahead(self, locations: Locations) -> None:
        """Whoever is registered will register again: his credentials are there by then."""
        try:
            self.credentials.read_ahead(locations.addresses()[:_READ_AHEAD])
        except StorageError:
            pass  # they are read when they are asked for

    def read_again(self, locations: Locations) -> None:
        """Memory may have missed something that another worker has written: all rows are read again, and
        until then a user's rows are read before anything is said about him."""
        self._again = True
        if self._loading is not None and self._loading.ready():
            locations.loading = True
            self._loading = gevent.spawn(self._load_again, locations)

    def _load_again(self, locations: Locations) -> None:
        while self._again:
            self._again = False
            count = self.bindings.load(locations, again=True)
            self._journal.event("bindings-loaded", f"{count} bindings were read again")

    # -- what the core asks ----------------------------------------------------------------------------------

    def watch_domains(self, watcher: Watcher) -> None:
        """Tell ``watcher`` every name that is served and its domain, now and whenever that changes."""
        self.domains.watch(watcher)

    def alias(self, aor: AddressOfRecord) -> str | None:
        """The URI for which an address stands, or None."""
        return self.names.alias(aor)

    def watch_peers(self, watcher: Callable[[Rows], None]) -> None:
        """Tell ``watcher`` all gateways, routes and trusted peers, now and whenever one of them changes."""
        self.peers.watch(watcher)

    def watch_sites(self, watcher: Callable[[SiteRows], None]) -> None:
        """Tell ``watcher`` the prefixes of other sites, now and whenever one of them changes."""
        self.sites.watch(watcher)

    def groups(self, aor: AddressOfRecord) -> frozenset[str]:
        """The groups of ``grp`` that a user is in, while there are gateways."""
        return self.permissions.groups(aor)

    def identity(self, aor: AddressOfRecord) -> str:
        """As whom a gateway is told that he calls: his attribute ``asserted_id``, "" when he has none."""
        return self.permissions.identity(aor)

    def preferences(self, aor: AddressOfRecord) -> Preferences | None:
        """What a user wants done with calls for him; None: what everybody does."""
        return self._preferences.of(aor)

    def speed_dials(self, aor: AddressOfRecord) -> Mapping[str, str] | None:
        """What a user calls by two digits."""
        return self._speed_dials.of(aor)

    def may_be(self, who: AddressOfRecord, name: str) -> bool:
        """Whether this user may also be ``name`` in his domain: the table ``uri`` says so."""
        return self.identities.has(who, name)

    def remove_expired(self, expired: Sequence[Binding]) -> None:
        """The rows of bindings that have run out go too; what fails now is removed by the next start."""
        if not expired:
            return
        try:
            if self._alone:
                self.bindings.commit([], expired)
            else:
                self.bindings.remove_expired(expired)
        except StorageError as error:
            self._journal.say("warning", f"rows of expired bindings stay for now: {error}")

    def remove_row(self, binding: Binding) -> None:
        """The row of a binding that another node has, or has taken away; if it stays, it runs out."""
        try:
            self.bindings.remove_row(binding.ruid)
        except StorageError as error:
            self._journal.say("warning", f"the row of a binding that is gone stays for now: {error}")

    # -- what an administrator asks --------------------------------------------------------------------------

    def forget(self, table: str, keys: Sequence[object]) -> None:
        """These rows, ``[username, domain]`` each, were changed a moment ago."""
        changes = [Change(table, str(key[0]), str(key[1])) for key in keys if isinstance(key, (list, tuple))]
        self.credentials.follow(changes)
        for each in self._resident:
            each.follow(changes)

    def reload(self) -> None:
        """Reads everything again that is kept in memory of domains, names and credentials."""
        self.credentials.forget_all()
        self._load_names()

    def reload_peers(self) -> None:
        """Reads gateways, routes, trusted peers and permissions again. Raises StorageError."""
        self.peers.load()
        self.permissions.load()

    def reload_domains(self, named: Sequence[NamedDomain]) -> None:
        """Reads the domains and their attributes again; ``named`` are those of the settings by now.

        Raises StorageError.
        """
        self.domains.name(named)
        self.domains.load()

    def flush(self) -> None:
        """Writes now what a write-back would write later."""
        self.bindings.flush()

    def unwritten(self) -> Collection[str]:
        """The bindings, by ruid, whose last state is not in the database yet."""
        return self.bindings.unwritten

    def spooled(self) -> int:
        """How many changes wait on the disk for the database."""
        calls = 0 if self.call_records is None else self.call_records.ledger.spooled
        return self.bindings.state.spooled + calls

    # -- wiring ----------------------------------------------------------------------------------------------

    def quorum(self) -> str:
        """Whether this box's member of the database's cluster is among the majority: "yes", "no", or "" where
        there is no cluster, or the member does not answer."""
        return "" if self._cluster is None else self._cluster.quorum

    def complete(self, binding: Binding) -> None:
        """What a row does not say: the way back to the phone, and the domain where OpenSER wrote none."""
        binding.hop = way_back(binding, self._is_open)
        username, domain = binding.aor
        name = self.domains.canonical(domain) if domain else self.domains.only() or ""
        if name != domain:
            binding.aor = AddressOfRecord(username, name)

    def _load_names(self) -> None:
        for each in self._resident:
            each.load()

    def _domains_changed(self, by_host: Mapping[str, ServedDomain], complete: bool) -> None:
        """Rows are found by the names of a domain: where these are others now, rows may be others too."""
        before, self._domains_before = self._domains_before, by_host
        only, self._only_before = self._only_before, self.domains.only()
        if self._only_before == only and all(
            host in by_host and domain.hosts == by_host[host].hosts for host, domain in before.items()
        ):
            return
        self.credentials.forget_all()
        for each in self._of_users:
            each.forget_all()  # kept under the canonical name too
        if self._locations is not None and any(
            host in by_host and by_host[host].name != domain.name for host, domain in before.items()
        ):
            self.read_again(self._locations)  # bindings are kept under the canonical name

    def _observe(self, metrics: Metrics) -> None:
        database = self.database
        metrics.source("database_up", lambda: int(database.available))
        metrics.source("database_spool_rows", self.spooled)
        metrics.source("database_queries", lambda: database.counters)
        database.on_query.append(
            lambda name, _, seconds: metrics.database_query_seconds[name].observe(seconds)
        )
        database.on_wait = metrics.database_wait_seconds.observe
        metrics.source("database_connections", lambda: database.connections)
        database.on_change.append(self._tell_of_outage)
        database.on_refusal = self._tell_of_refusal
        self.bindings.when_replayed(self._tell_of_replay)
        if self._cluster is not None:
            self._cluster.observe(metrics)

    def _tell_of_peers(self, problem: str) -> None:
        self._journal.say("warning", problem)

    def _tell_of_outage(self, available: bool) -> None:
        if available:
            self._journal.event("database-back", "the database answers again")
        else:
            self._journal.event("database-lost", self.database.last_error or "the database is away")

    def _tell_of_refusal(self, why: str) -> None:
        self._journal.event("database-refused", why)

    def _tell_of_replay(self) -> None:
        self._journal.event("spool-replayed", "the bindings that waited on disk are in the database")


def spool_name(worker: int) -> str:
    """Each worker has a spool of its own."""
    return "spool.db" if worker == 1 else f"spool-{worker}.db"


def way_back(binding: Binding, is_open: Callable[[Hop], bool] = lambda _: False) -> Hop | None:
    """How to reach a phone whose binding was read back, where its Contact does not lead to it.

    That is the connection that it registered by, if it is still open, or the source that it registered from,
    if kept. What registered over TCP is called over TCP although its Contact may not say so: over UDP, nobody
    would tell us that it is not there.
    """
    source = None if binding.received is None else _address_in(binding.received)
    if source is not None and source.param("flow"):
        by = source.transport or "tcp"
        hop = Hop(by, source.address, source.port or 5060, -1, _number(source.param("flow")))
        if is_open(hop) or by != "tcp":
            return hop  # by TLS and WebSocket there is no other way to the phone
        contact = _address_in(binding.contact)
        if contact is None or contact.address == source.address:
            source = None  # no NAT between: it may listen where its Contact says
        else:
            return hop
    over_tcp = source is None and (binding.socket or "").startswith("tcp:")
    if over_tcp:
        source = _address_in(binding.contact)
    if source is None:
        return None
    return Hop("tcp" if over_tcp else source.transport or "udp", source.address, source.port or 5060, -1)


def _address_in(text: str) -> Uri | None:
    """The URI, when its host is an address; None for a name, which is looked up when somebody calls."""
    try:
        uri = Uri.parse(text)
    except MalformedMessage:
        return None
    return uri if is_ipv4(uri.host) or is_ipv6_reference(uri.host) else None


def _number(flow: str | None) -> int:
    """The number of a connection, as ``registrar.register`` writes it; -1, which none has, for all else."""
    try:
        return int(flow or "", 16) or -1
    except ValueError:
        return -1
