"""What an administrator changes: rows of subscribers, their aliases, permissions and the like, of domains.

Each function takes a ``Database``, does its work in one transaction and raises StorageError. A running server
learns of the change by the change log within a second, or at once when it is told (``forget``).
"""

from __future__ import annotations
