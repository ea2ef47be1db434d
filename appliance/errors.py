"""The one tree of errors.

Whatever goes wrong in a way that somebody can act upon is a ``SipboxError``, and its text is one clear line::

    SipboxError
    ├── SettingsError              the configuration file says something that cannot be
    ├── SipError                   a request that is answered with an error status (RFC 3261 §21)
    │   ├── MalformedMessage       400
    │   │   ├── BadUri             400
    │   │   ├── UriTooLong         414
    │   │   ├── UnsupportedVersion 505
    │   │   └── FrameError         a stream that cannot be resynchronised (RFC 3261 §18.3)
    │   ├── MessageTooLarge        513
    │   └── UnsupportedScheme      416
    ├── StorageError
    │   ├── DatabaseUnavailable    away for now; calls go on from memory and the spool
    │   ├── DatabaseRefused        an administrator has to do something; the message says what
    │   ├── DuplicateRow           what was to be added is there already
    │   └── RowRefused             a row that the database does not take (too long, out of range)
    ├── MediaUnavailable           no rtpengine relays the sound of this call
    ├── PhoneRefused               a phone's entry, from which no configuration can be made
    ├── SealBroken                 a sealed password that our key does not open
    └── ControlError               a command to a running server failed

This module knows no other: every room may raise what stands here, and none has to import another room for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from appliance.sip.message import Message


class SipboxError(Exception):
    """The root of the tree; its text is one line that a person can act upon."""


class SettingsError(SipboxError):
    """A setting is unknown, of the wrong type or out of its range.

    ``path`` is the setting's dotted name (``registrar.min_expires``), ``line`` the line in ``file`` where it
    stands, counted from 1, or None when it stands nowhere.
    """

    def __init__(
        self, problem: str, *, file: str | None = None, path: str | None = None, line: int | None = None
    ) -> None:
        self.problem = problem
        self.file = file
        self.path = path
        self.line = line
        place = file or ""
        if place and line is not None:
            place = f"{place}:{line}"
        super().__init__(": ".join(part for part in (place, path, problem) if part))


class SipError(SipboxError):
    """Becomes a SIP reply: ``status`` is its code, ``reason`` its phrase (None: the code's usual one).

    ``partial`` is what could be read of a message that cannot be taken, to build the reply from, or None.
    """

    status: ClassVar[int] = 500

    def __init__(self, problem: str, *, partial: Message | None = None, reason: str | None = None) -> None:
        self.problem = problem
        self.partial = partial
        self.reason = reason
        super().__init__(problem)


class MalformedMessage(SipError):
    """The text is no SIP message, or says what cannot be (RFC 3261 §21.4.1)."""

    status = 400


class BadUri(MalformedMessage):
    """A URI that RFC 3261 §19.1 does not allow."""


class UriTooLong(MalformedMessage):
    """A Request-URI longer than the limits allow (RFC 3261 §21.4.12)."""

    status = 414


class UnsupportedVersion(MalformedMessage):
    """Neither SIP/2.0 nor something that could be read as it (RFC 3261 §21.5.6)."""

    status = 505


class FrameError(MalformedMessage):
    """A stream whose next message cannot be found any more: it must be closed (RFC 3261 §18.3)."""


class MessageTooLarge(SipError):
    """Larger than the limits allow (RFC 3261 §21.5.7)."""

    status = 513


class UnsupportedScheme(SipError):
    """A Request-URI whose scheme is neither sip nor sips (RFC 3261 §21.4.14)."""

    status = 416


class StorageError(SipboxError):
    """The database did not do what it was asked."""


class DatabaseUnavailable(StorageError):
    """The database is away for now: calls go on from memory, changes go to the spool."""


class DatabaseRefused(StorageError):
    """The database said no (password, missing table): the message says what an administrator does."""


class DuplicateRow(StorageError):
    """What was to be added is there already."""


class RowRefused(StorageError):
    """The database does not take this one row: a value is too long or out of its range."""


class MediaUnavailable(SipboxError):
    """No rtpengine relays the sound of this call: none answers, or it refuses; the text says why."""


class PhoneRefused(SipboxError):
    """A phone's entry says what cannot be, or what this vendor's phones cannot be told."""


class SealBroken(SipboxError):
    """A sealed password that none of our keys opens, or that was sealed for somebody else."""


class ControlError(SipboxError):
    """A command to a running server failed: ``code`` and ``reason`` as the FIFO prints them."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code} {reason}")
