"""Every metric, in one file: its name, type, labels, help, and the plain integers behind it.

Names follow Prometheus' practice (base units, ``_total``, labels from bounded sets; never a user, a URI, a
Call-ID or an address). On the hot path: ``metrics.requests_received[method, transport] += 1``. What another
room counts or knows already (live transactions, bindings) is asked for when somebody looks:
``metrics.source("bindings_active", …)``. Must not know Prometheus: ``exposition`` renders a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate, product
from typing import Any, Literal, NamedTuple

from appliance.telemetry.counter import Counter, Histogram, Histograms

METHODS = (
    "INVITE", "ACK", "CANCEL", "BYE", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REFER",
    "INFO", "UPDATE", "PRACK",
)  # fmt: skip
OTHER = "other"


class Label(NamedTuple):
    """A label: its values, or None when the code that counts chooses them (names of queries, status codes)."""

    name: str
    values: tuple[str, ...] | None = None


METHOD = Label("method", (*METHODS, OTHER))
TRANSPORT = Label("transport", ("udp", "tcp"))
CODE = Label("code")
QUERY = Label("query")
DIRECTION = Label("direction", ("in", "out"))


class Metric(NamedTuple):
    """One metric: the attribute of ``Metrics`` that holds it, and what Prometheus is told about it."""

    attribute: str
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[Label, ...] = ()
    bounds: tuple[float, ...] = ()


LAG = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
QUERY_TIME = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SETUP_TIME = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)

CATALOGUE = (
    Metric("requests_received", "sipbox_sip_requests_received_total", "counter",
           "Requests received, without retransmissions that were absorbed.", (METHOD, TRANSPORT)),
    Metric("requests_forwarded", "sipbox_sip_requests_forwarded_total", "counter",
           "Requests sent on, one for each branch.", (METHOD, TRANSPORT)),
    Metric("responses_sent", "sipbox_sip_responses_sent_total", "counter",
           "Responses sent, our own and those passed on.", (METHOD, CODE)),
    Metric("responses_received", "sipbox_sip_responses_received_total", "counter",
           "Responses received.", (METHOD, CODE)),
    Metric("responses_forwarded", "sipbox_sip_responses_forwarded_total", "counter",
           "Responses of others that were passed on.", (METHOD, CODE)),
    Metric("stateless_responses", "sipbox_sip_stateless_responses_total", "counter",
           "Responses of our own that were sent without a transaction.", (CODE,)),
    Metric("retransmissions", "sipbox_sip_retransmissions_total", "counter",
           "Messages that came (in) or were sent (out) again.",
           (DIRECTION, Label("kind", ("request", "response")))),
    Metric("messages_rejected", "sipbox_sip_messages_rejected_total", "counter",
           "Messages that were refused or dropped before they were handled.",
           (Label("reason", ("malformed", "bad_uri", "too_large", "unsupported", "loop", "too_many_hops", "acl",
                             "overload", "rate_limited", "scanner", OTHER)),)),
    Metric("requests_in_progress", "sipbox_sip_requests_in_progress", "gauge",
           "Requests that wait for a commit or a lookup."),
    Metric("transactions_active", "sipbox_transactions_active", "gauge",
           "Transactions that live now.",
           (Label("kind", ("invite_client", "invite_server", "client", "server")),)),
    Metric("transaction_timeouts", "sipbox_transaction_timeouts_total", "counter",
           "Client transactions that got no final response (timers B and F).", (METHOD,)),
    Metric("registrations", "sipbox_registrations_total", "counter",
           "What became of REGISTER requests, by binding where there was one.",
           (Label("result", ("added", "refreshed", "removed", "fetched", "challenged", "rejected", "unavailable",
                             OTHER)),)),
    Metric("bindings_active", "sipbox_bindings_active", "gauge",
           "Bindings that are valid now.", (TRANSPORT,)),
    Metric("registered_users", "sipbox_registered_users", "gauge",
           "Addresses of record with at least one binding."),
    Metric("bindings_expired", "sipbox_bindings_expired_total", "counter",
           "Bindings that ran out without being refreshed."),
    Metric("auth_challenges", "sipbox_auth_challenges_total", "counter",
           "Challenges sent with 401 or 407."),
    Metric("auth_failures", "sipbox_auth_failures_total", "counter",
           "Credentials that were not accepted.",
           (Label("reason", ("unknown_user", "bad_response", "stale", "replayed", "wrong_identity", "malformed",
                             OTHER)),)),
    Metric("call_attempts", "sipbox_call_attempts_total", "counter",
           "Calls that were let in."),
    Metric("calls_completed", "sipbox_calls_completed_total", "counter",
           "What became of the calls that were let in.",
           (Label("result", ("answered", "busy", "no_answer", "cancelled", "not_found", "rejected", "failed",
                             OTHER)),)),
    Metric("calls_active", "sipbox_calls_active", "gauge",
           "Calls that are being set up or were answered and have not ended."),
    Metric("call_setup_seconds", "sipbox_call_setup_seconds", "histogram",
           "From the INVITE to its 200.", (), SETUP_TIME),
    Metric("call_ringing_seconds", "sipbox_call_ringing_seconds", "histogram",
           "From the INVITE to the first 18x (post-dial delay).", (), SETUP_TIME),
    Metric("connections_active", "sipbox_connections_active", "gauge",
           "Open connections.", (TRANSPORT,)),
    Metric("connections_opened", "sipbox_connections_opened_total", "counter",
           "Connections opened by either side.", (TRANSPORT,)),
    Metric("connections_closed", "sipbox_connections_closed_total", "counter",
           "Connections closed.",
           (Label("reason", ("peer", "idle", "error", "malformed", "limit", "shutdown", OTHER)),)),
    Metric("database_up", "sipbox_database_up", "gauge",
           "1 when the database answers, 0 when it is away."),
    Metric("database_queries", "sipbox_database_queries_total", "counter",
           "Named statements run on the database.", (QUERY, Label("result"))),
    Metric("database_query_seconds", "sipbox_database_query_seconds", "histogram",
           "How long named statements took.", (QUERY,), QUERY_TIME),
    Metric("database_spool_rows", "sipbox_database_spool_rows", "gauge",
           "Changes on disk that wait for the database to return."),
    Metric("trace_dropped", "sipbox_trace_dropped_total", "counter",
           "Traced messages that a slow reader did not get."),
    Metric("hub_lag_seconds", "sipbox_hub_lag_seconds", "histogram",
           "How late the loop comes to a timer that is due.", (), LAG),
    Metric("greenlets", "sipbox_greenlets", "gauge",
           "Greenlets that handle requests, parked ones included."),
)  # fmt: skip

BUILD_INFO = Metric("build_info", "sipbox_build_info", "gauge", "1, with what is running as labels.",
                    (Label("version"), Label("python")))  # fmt: skip

Value = float | dict[str, Any]
Snapshot = dict[str, list[tuple[list[str], Value]]]
Source = Callable[[], float | Mapping[Any, float]]


class Metrics:
    """The numbers. Counters with labels are dictionaries keyed by the label, or the tuple of labels; those
    without are plain integers; gauges are plain numbers, set by whoever knows, or asked for through
    ``source``.
    """

    requests_received: Counter[tuple[str, str]]
    requests_forwarded: Counter[tuple[str, str]]
    responses_sent: Counter[tuple[str, int]]
    responses_received: Counter[tuple[str, int]]
    responses_forwarded: Counter[tuple[str, int]]
    stateless_responses: Counter[int]
    retransmissions: Counter[tuple[str, str]]
    messages_rejected: Counter[str]
    requests_in_progress: int
    transactions_active: Counter[str]
    transaction_timeouts: Counter[str]
    registrations: Counter[str]
    bindings_active: Counter[str]
    registered_users: int
    bindings_expired: int
    auth_challenges: int
    auth_failures: Counter[str]
    call_attempts: int
    calls_completed: Counter[str]
    calls_active: int
    call_setup_seconds: Histogram
    call_ringing_seconds: Histogram
    connections_active: Counter[str]
    connections_opened: Counter[str]
    connections_closed: Counter[str]
    database_up: int
    database_queries: Counter[tuple[str, str]]
    database_query_seconds: Histograms
    database_spool_rows: int
    trace_dropped: int
    hub_lag_seconds: Histogram
    greenlets: int

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        for metric in CATALOGUE:
            setattr(self, metric.attribute, _new(metric))

    def source(self, attribute: str, ask: Source) -> None:
        """From now on the metric is what ``ask()`` gives: a number, or numbers by label (or tuple of labels)."""
        if attribute not in _BY_ATTRIBUTE:
            raise ValueError(f"there is no metric {attribute!r}")
        self._sources[attribute] = ask

    def snapshot(self) -> Snapshot:
        """All numbers as JSON knows them: a metric's name to its samples, each the label values and the
        number.

        A histogram's number is ``{"buckets": [[bound, count up to it], …], "count": n, "sum": s}``; the last
        bound, infinity, is left out because ``count`` says it."""
        return {metric.name: list(self._samples(metric)) for metric in CATALOGUE}

    def _samples(self, metric: Metric) -> list[tuple[list[str], Value]]:
        ask = self._sources.get(metric.attribute)
        held: Any = getattr(self, metric.attribute) if ask is None else ask()
        if isinstance(held, Histograms):
            return [([key], _buckets(histogram)) for key, histogram in held.items()]
        if isinstance(held, Histogram):
            return [([], _buckets(held))]
        if not isinstance(held, Mapping):
            return [([], held)]
        fold = _folding(metric)
        sums: dict[tuple[str, ...], float] = {}
        for key, number in held.items():
            folded = fold(key)
            labels = tuple(map(str, folded)) if isinstance(folded, tuple) else (str(folded),)
            sums[labels] = sums.get(labels, 0) + number
        return [(list(labels), number) for labels, number in sums.items()]


_BY_ATTRIBUTE = {metric.attribute: metric for metric in CATALOGUE}


def _new(metric: Metric) -> int | Histogram | Histograms | Counter[Any]:
    if metric.kind == "histogram":
        return Histograms(metric.bounds) if metric.labels else Histogram(metric.bounds)
    if not metric.labels:
        return 0
    values = [label.values for label in metric.labels]
    known: list[Any] = [] if None in values else list(product(*(each or () for each in values)))
    fold = _folding(metric)
    return Counter([key[0] for key in known] if len(metric.labels) == 1 else known, fold)


def _folding(metric: Metric) -> Callable[[Any], Any]:
    """How a key of this metric becomes one whose labels are of bounded sets."""
    folds = [_folding_label(label) for label in metric.labels]
    if len(folds) == 1:
        return folds[0]
    return lambda key: tuple(fold(part) for fold, part in zip(folds, key, strict=True))


def _folding_label(label: Label) -> Callable[[Any], Any]:
    if label is CODE:
        return lambda code: code if isinstance(code, int) and 100 <= code <= 699 else OTHER
    values = frozenset(label.values or ())
    if OTHER not in values:
        return lambda value: value  # names that only the code itself chooses
    return lambda value: value if value in values else OTHER


def _buckets(histogram: Histogram) -> dict[str, Any]:
    so_far = accumulate(histogram.counts)
    buckets = [[bound, count] for bound, count in zip(histogram.bounds, so_far, strict=False)]
    return {"buckets": buckets, "count": histogram.count, "sum": histogram.sum}
