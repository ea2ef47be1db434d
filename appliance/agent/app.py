"""HTTP for people and for Prometheus: ``/`` ``/status`` ``/health`` ``/ready`` ``/metrics``. It only reads.

``/health`` says whether the SIP process lives, ``/ready`` whether it should be given calls. With the
database away it is ready: calls go on from memory. Everything is asked of the SIP process; when it is down
that is the answer.
"""

from __future__ import annotations

import platform
from typing import Any

from flask import Flask, Response, jsonify, render_template, request

from appliance.agent.history import History
from appliance.agent.page import sentence, sparkline, words
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.telemetry.catalogue import UP
from appliance.telemetry.exposition import render

# The page loads nothing from anywhere and is shown in nobody's frame.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(process: SipProcess, history: History) -> Flask:
    """The WSGI application, which asks ``process``."""
    app = Flask(__name__, static_folder=None)
    app.jinja_env.filters.update(words=words, sparkline=sparkline)

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
        body, content_type = render(snapshot, request.headers.get("Accept", ""), numbers, workers)
        return Response(body, content_type=content_type)

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
        html = render_template(
            "status.html",
            status=told,
            verdict=sentence(told),
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
