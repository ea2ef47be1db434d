"""Debian's Prometheus and node exporter on free ports of 127.0.0.1, and what they are asked."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import Process
from tests.harness.startable import Startable
from tests.harness.waiting import wait_until


class Sample(NamedTuple):
    labels: Mapping[str, str]
    value: float


class Prometheus(Startable):
    """Asks ``targets``, addresses by their job, each second, and looks at ``rules``, which are files."""

    def __init__(self, directory: Path, targets: Mapping[str, str], rules: Sequence[Path] = ()) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        self.url = f"http://{LOOPBACK}:{self._port}"
        settings = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rule) for rule in rules],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target], "labels": {"instance": "box"}}]}
                for job, target in targets.items()
            ],
        }
        (directory / "prometheus.yml").write_text(json.dumps(settings))
        self._process: Process | None = None

    def start(self) -> Self:
        self._process = Process(
            [
                "prometheus",
                f"--config.file={self._directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={self._directory / 'data'}",
                f"--web.listen-address={LOOPBACK}:{self._port}",
            ],
            log=self._directory / "prometheus.log",
        )
        wait_until("Prometheus sees its targets", self._sees, timeout=60, every=0.2)
        return self

    def _sees(self) -> bool:
        assert self._process is not None
        assert self._process.running, self._process.log
        try:
            targets = self._ask("targets")["activeTargets"]
        except (OSError, AssertionError):  # not there yet, or not ready
            return False
        return bool(targets) and all(target["health"] == "up" for target in targets)

    def query(self, expression: str, at: float | None = None) -> list[Sample]:
        """What an expression is now; AssertionError when Prometheus does not understand it."""
        told = self._ask("query", query=expression, **({} if at is None else {"time": f"{at:.3f}"}))
        if told["resultType"] == "scalar":
            return [Sample({}, float(told["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in told["result"]]

    def query_range(self, expression: str, start: float, end: float, step: float = 1.0) -> list[Any]:
        """Its series over time, as Prometheus writes them."""
        told = self._ask(
            "query_range", query=expression, start=f"{start:.3f}", end=f"{end:.3f}", step=f"{step:g}"
        )
        return list(told["result"])

    def _ask(self, what: str, **arguments: str) -> Any:
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(arguments)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{arguments}: {error.read().decode()}") from None

    def close(self) -> None:
        if self._process is not None:
            self._process.close()


class NodeExporter(Startable):
    """The machine's own numbers, at ``address``; what lies in ``directory`` as ``*.prom`` is among them."""

    def __init__(self, directory: Path) -> None:
        self.address = f"{LOOPBACK}:{free_port()}"
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._process: Process | None = None

    def start(self) -> Self:
        self._process = Process(
            [
                "prometheus-node-exporter",
                f"--web.listen-address={self.address}",
                f"--collector.textfile.directory={self._directory}",
            ],
            log=self._directory / "node.log",
        )
        return self

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
