"""What the servers that are measured are called in readings and tables."""

from __future__ import annotations

from typing import Final

SIPBOX: Final = "sipbox"
SEED_1: Final = "Kamailio, seed, db_mode 1"
SEED_2: Final = "Kamailio, seed, db_mode 2"
TUNED_1: Final = "Kamailio, tuned, db_mode 1"
TUNED_2: Final = "Kamailio, tuned, db_mode 2"
#: Written from Kamailio's documentation: (configuration, usrloc's db_mode).
KAMAILIOS: Final = {
    SEED_1: ("seed", 1),
    SEED_2: ("seed", 2),
    TUNED_1: ("tuned", 1),
    TUNED_2: ("tuned", 2),
}

# sipbox against itself.
SOME: Final = "sipbox, 1,000 subscribers"
MANY: Final = "sipbox, 1,000,000 subscribers"
ONE_WORKER: Final = "sipbox, one worker"
TWO_WORKERS: Final = "sipbox, two workers"
WHOLE: Final = "sipbox's core"
TWIN: Final = "the same again"
NO_TRACE: Final = "without tracing"
NO_METRICS: Final = "without metrics"
