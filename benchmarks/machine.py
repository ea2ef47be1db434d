"""What figures were measured on: the machine, its disk, and the versions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import tempfile
import time
from pathlib import Path

from appliance import __version__
from benchmarks import kamailio
from benchmarks.statistics_of_rounds import percentile


def describe(directory: Path) -> dict[str, str]:
    """Name and value of each thing, for people; ``directory`` is where the databases' files are."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="(.+)"', Path("/etc/os-release").read_text())
    return {
        "CPU": cpu[1] if cpu else platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "system": system[1] if system else "unknown",
        "Python": platform.python_version(),
        "sipbox": __version__,
        "Kamailio": kamailio.version(),
        "MariaDB": _first_line("mariadbd", "--version"),
        "SIPp": _first_line("sipp", "-v"),
        "fdatasync p99": f"{sync_p99(directory):.1f} ms",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _first_line(*command: str) -> str:
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    lines = [line.strip() for line in (told.stdout + told.stderr).splitlines() if line.strip()]
    found = re.search(r"v?(\d+\.\d+[\w.\-+~]*)", lines[0]) if lines else None
    return found[1].rstrip(".") if found else "unknown"


def sync_p99(directory: Path, times: int = 300) -> float:
    """Milliseconds that 99 of 100 appended blocks of 4 KB need at most to be on the disk."""
    spent = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            spent.append((time.perf_counter() - begun) * 1000)
    return percentile(sorted(spent), 99)
