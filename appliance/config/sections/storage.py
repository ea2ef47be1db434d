"""What is kept: ``[database]`` and ``[accounting]``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from appliance.config.sections.section import Count, Section


class DatabaseSettings(Section, frozen=True, kw_only=True):
    """``[database]``: where the rows are. URLs may hold a password: never print them as they are."""

    url: str = "sqlite:////var/lib/sipbox/sipbox.db"
    others: tuple[str, ...] = ()  # further members of the same cluster, asked while that one is not in sync
    pool_size: Annotated[int, Meta(ge=1, le=1000)] = 4
    connect_timeout_seconds: Annotated[int, Meta(ge=1, le=600)] = 5
    query_timeout_seconds: Annotated[int, Meta(ge=1, le=600)] = 10
    change_poll_seconds: Annotated[float, Meta(ge=0.05, le=3600)] = 1.0  # how often the change log is read
    commit_gather_ms: Annotated[int, Meta(ge=0, le=1000)] = 0  # wait for more bindings before a commit

    @property
    def embedded(self) -> bool:
        """Whether it is SQLite, which serves one worker only."""
        return self.url.startswith("sqlite:")


class AccountingSettings(Section, frozen=True, kw_only=True):
    """``[accounting]``: rows of ``acc``, ``missed_calls`` and ``cdrs``."""

    enabled: bool = True
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0  # older rows are removed; 0: they stay
    gather_ms: Annotated[int, Meta(ge=10, le=10_000)] = 250  # one transaction; a crash loses so much
    queue: Count = 20_000  # requests in memory that neither the database nor the disk has taken
