"""The numbers behind the catalogue: plain integers, counted where things happen, looked at by whoever asks.

On the hot path: ``metrics.requests_received[method, transport] += 1``. What another room counts or knows
already (live transactions, bindings) is asked for when somebody looks: ``metrics.source("bindings_active",
…)``. Must not know Prometheus: ``exposition`` renders a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate, product
from typing import Any

from appliance.telemetry.catalogue import CATALOGUE, CODE, OTHER, Label, Metric
from appliance.telemetry.counter import Counter, Histogram, Histograms

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
    send_errors: Counter[str]
    message_bytes: Histograms[str]
    request_handling_seconds: Histograms[str]
    strangers_dropped: Counter[str]
    bans: Counter[str]
    bans_active: int
    requests_in_progress: int
    transactions_active: Counter[str]
    transaction_timeouts: Counter[str]
    transaction_seconds: Histograms[tuple[str, str]]
    registrations: Counter[str]
    bindings_active: Counter[str]
    registered_users: int
    bindings_expired: int
    flow_failures: Counter[str]
    auth_challenges: int
    auth_failures: Counter[str]
    call_attempts: int
    calls_completed: Counter[str]
    call_responses: Counter[int]
    calls_active: int
    call_setup_seconds: Histogram
    call_ringing_seconds: Histogram
    call_duration_seconds: Histogram
    gateways: Counter[str]
    gateway_requests: Counter[str]
    calls_forwarded: Counter[str]
    offline_messages: Counter[str]
    enum_lookups: Counter[str]
    dns_lookups: Counter[str]
    next_servers: Counter[str]
    nated_phones: int
    keepalives_sent: Counter[str]
    keepalives_answered: int
    keepalives_behind_seconds: float
    keepalives_removed: int
    media_nodes: Counter[str]
    media_commands: Counter[tuple[str, str]]
    media_command_seconds: Histogram
    media_unrelayed: Counter[str]
    neighbours: Counter[str]
    neighbour_lag_seconds: dict[str, float]
    neighbour_bindings: int
    neighbour_sent: Counter[str]
    neighbour_received: Counter[str]
    neighbour_refused: Counter[str]
    cluster_members: Counter[str]
    cluster_address_held: int
    cluster_address_holders: int
    cluster_differences: Counter[str]
    connections_active: Counter[str]
    connections_opened: Counter[str]
    connections_closed: Counter[str]
    tls_handshake_failures: Counter[str]
    certificate_expiry: Counter[str]
    listener_dropped: Counter[str]
    database_up: int
    database_queries: Counter[tuple[str, str]]
    database_query_seconds: Histograms[str]
    database_connections: Counter[str]
    database_wait_seconds: Histogram
    database_spool_rows: int
    database_cluster_members: Counter[str]
    database_member_synced: Counter[str]
    database_flow_control_seconds: Counter[str]
    database_elsewhere: int
    accounting_requests: Counter[str]
    accounting_waiting: Counter[str]
    trace_dropped: int
    hub_lag_seconds: Histogram
    greenlets: int
    handed_over: Counter[str]
    worker_dropped: int
    reload_success: int
    reload_time: float

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        for metric in CATALOGUE:
            setattr(self, metric.attribute, _new(metric))

    def source(self, attribute: str, ask: Source) -> None:
        """From now on the metric is what ``ask()`` gives: a number, or numbers by label (or tuple)."""
        if attribute not in _BY_ATTRIBUTE:
            raise ValueError(f"there is no metric {attribute!r}")
        self._sources[attribute] = ask

    def snapshot(self) -> Snapshot:
        """All numbers as JSON knows them: a metric's name to its samples, (label values, number) each.

        A histogram's number is ``{"buckets": [[bound, count up to it], …], "count": n, "sum": s}``; the last
        bound, infinity, is left out because ``count`` says it.
        """
        return {metric.name: list(self._samples(metric)) for metric in CATALOGUE}

    def _samples(self, metric: Metric) -> list[tuple[list[str], Value]]:
        ask = self._sources.get(metric.attribute)
        own = getattr(self, metric.attribute)
        held: Any = own if ask is None else ask()
        if isinstance(held, Histograms):
            return [(_labels(key), _buckets(histogram)) for key, histogram in held.items()]
        if isinstance(held, Histogram):
            return [([], _buckets(held))]
        if not isinstance(held, Mapping):
            return [([], held)]
        fold = _folding(metric)
        sums: dict[tuple[str, ...], float] = {}
        # Our own keys first: a label set that a source has not seen yet is told as zero.
        for key, number in (*dict.fromkeys(own, 0).items(), *held.items()):
            labels = tuple(_labels(fold(key)))
            sums[labels] = sums.get(labels, 0) + number
        return [(list(labels), number) for labels, number in sums.items()]


_BY_ATTRIBUTE = {metric.attribute: metric for metric in CATALOGUE}


def _new(metric: Metric) -> int | Histogram | Histograms[Any] | Counter[Any]:
    if not metric.labels:
        return Histogram(metric.bounds) if metric.kind == "histogram" else 0
    known, fold = _known(metric), _folding(metric)
    if metric.kind == "histogram":
        return Histograms(metric.bounds, known, fold)
    return Counter(known, fold)


def _known(metric: Metric) -> list[Any]:
    """The keys that are there from the start."""
    if metric.known:
        return list(metric.known)
    values = [label.values for label in metric.labels]
    keys: list[Any] = [] if None in values else list(product(*(each or () for each in values)))
    return [key[0] for key in keys] if len(metric.labels) == 1 else keys


def _labels(key: Any) -> list[str]:
    return list(map(str, key)) if isinstance(key, tuple) else [str(key)]


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
