"""What a test starts and ends: entered, it runs or has left nothing behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Startable(ABC):
    """To be entered: starts, and is closed at the end, or when the start fails."""

    @abstractmethod
    def start(self) -> Self:
        """Returns when it can be used."""

    @abstractmethod
    def close(self) -> None:
        """Ends it and takes away what it has made; nothing happens when it does not run."""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()
