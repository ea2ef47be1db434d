"""HTTP for people and for Prometheus: ``/`` ``/status`` ``/health`` ``/ready`` ``/metrics``. It only reads.

``/`` and ``/status`` name users and numbers: who may see them, the door says (``page_door``). ``/health``
says whether the SIP process lives, ``/ready`` whether it should be given calls. With the database away it is
ready: calls go on from memory. Everything is asked of the SIP process; when it is down that is the answer.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, jsonify, render_template, request

from appliance.agent.checkup import Checkup, Report
from appliance.agent.history import History
from appliance.agent.page import judge, moment, sparkline, words
from appliance.agent.page_door import Door
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.telemetry.catalogue import CHECK_FAILED, CHECKED, UP
from appliance.telemetry.exposition import render
from appliance.telemetry.metrics import Snapshot
from appliance.telemetry.trace_format import harmless

# The page loads nothing from anywhere and is shown in nobody's frame.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


_REFUSALS = {
    "password": (401, "The status page has a password; any user name will do.\n"),
    "closed": (403, "The status page is shown on its own machine only, until agent.password_file is set.\n"),
    "throttled": (429, "Too many wrong passwords; wait a minute.\n"),
}


def create_app(
    process: SipProcess,
    history: History,
    checkup: Checkup,
    door: Door,
    firewall: Callable[[], Snapshot] = dict,
) -> Flask:
    """The WSGI application, which asks ``process``; ``firewall`` has the metrics of the kernel."""
    app = Flask(__name__, static_folder=None)
    app.jinja_env.filters.update(words=words, moment=moment, sparkline=sparkline, harmless=harmless)

    @app.before_request
    def look_at_the_door() -> Response | None:
        if request.endpoint not in ("page", "status"):
            return None
        try:
            said = request.authorization
        except ValueError:  # no base64
            said = None
        password = said.password if said is not None and said.type == "basic" else None
        refusal = _REFUSALS.get(door.ask(request.remote_addr or "", password))
        if refusal is None:
            return None
        code, words = refusal
        headers = {"WWW-Authenticate": 'Basic realm="sipbox", charset="UTF-8"'} if code == 401 else {}
        return Response(words, code, headers, content_type="text/plain; charset=utf-8")

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    @app.get("/metrics")
    def metrics() -> Response:
        try:
            told = process.ask("metrics")
            snapshot, numbers = {**told["snapshot"], UP.name: [([], 1)]}, told.get("process")
            workers = told.get("workers")
        except ServerDown:
            snapshot, numbers, workers = {UP.name: [([], 0)]}, None, None
        snapshot |= _of_checks(checkup.report) | firewall()
        body, content_type = render(snapshot, request.headers.get("Accept", ""), numbers, workers)
        # No connection lasts (``https``): a scraper that kept one would be cut off within an answer.
        return Response(body, content_type=content_type, headers={"Connection": "close"})

    @app.get("/health")
    def health() -> tuple[Response, int]:
        try:
            process.ask("process")
        except ServerDown as error:
            return jsonify(status="down", problem=error.reason), 503
        return jsonify(status="up"), 200

    @app.get("/ready")
    def ready() -> tuple[Response, int]:
        told = _status(process)
        if told["state"] in ("ok", "degraded"):
            return jsonify(status="ready", state=told["state"]), 200
        return jsonify(status="not ready", state=told["state"], problems=told["problems"]), 503

    @app.get("/status")
    def status() -> tuple[Response, int]:
        told = _status(process)
        return jsonify(told), 503 if told["state"] == "down" else 200

    @app.get("/")
    def page() -> Response:
        told = _status(process)
        checkup.wanted()
        report = checkup.report
        html = render_template(
            "status.html",
            status=told,
            verdict=judge(told, report.wrong),
            report=report,
            age=time.time() - report.made,
            every=_every(_asked("every")),
            rate=history.requests_per_second(),
            failures=history.failure_ratio(),
            series=history.series(),
            host=platform.node(),
        )
        # Phones write what they like into Contact and User-Agent, not only UTF-8.
        body = html.encode("utf-8", "replace")
        return Response(
            body, 503 if told["state"] == "down" else 200, content_type="text/html; charset=utf-8"
        )

    return app


def _of_checks(report: Report) -> Snapshot:
    """What the last diagnosis has found, as metrics."""
    if not report.checks:
        return {}
    found: Snapshot = {CHECK_FAILED.name: []}
    if report.made:
        found[CHECKED.name] = [([], report.made)]
    for check in report.checks:
        # Who is woken is told of causes: what follows from them goes when they are mended.
        failed = check["state"] in ("wrong", "down") and not check["because"]
        found[CHECK_FAILED.name].append(([check["part"]], float(failed)))
    return found


def _asked(name: str) -> str:
    """What the query says of it, "" when it says nothing or is no text at all."""
    try:
        return request.args.get(name, "")
    except UnicodeDecodeError:
        return ""


def _every(text: str) -> int:
    """Every how many seconds the page is to be shown anew: 0 never, as it is unless somebody asks for it."""
    return min(max(int(text), 2), 3600) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _status(process: SipProcess) -> dict[str, Any]:
    try:
        told: dict[str, Any] = process.ask("status")
    except ServerDown as error:
        problem = {
            "what": "The SIP server does not answer: no calls, no registrations.",
            "todo": f"Start it, or look into its log ({error.reason}).",
        }
        return {"state": "down", "problems": [problem]}
    return told
