"""The backup of a whole box in one file: its rows, its keys, its settings.

The file is a plain tar: ``manifest.json`` first, which says what the rest has to be (rows of each table,
steps of the schema, SHA-256 of each file), then ``rows.jsonl.gz`` as ``storage.backup`` writes it, then the
files that were asked for, under the names that they were given. It holds credentials and keys: only its owner
may read it (0600). It appears under its name when it is whole and on the disk. Nothing is ever unpacked by a
path that stands in it. Must not know which files make a box, nor what the rows mean.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec
from sqlalchemy.engine import URL

from appliance import __version__
from appliance.errors import StorageError
from appliance.storage import backup, heads, schema
from appliance.storage.engine import Database
from appliance.storage.telling import Tell, untold

FORMAT = 1
MANIFEST = "manifest.json"
ROWS = "rows.jsonl.gz"
_CHUNK = 1 << 16
_LARGEST_FILE = 1 << 24  # a settings file or a key has some kilobytes


class Part(msgspec.Struct, frozen=True):
    """One file of an archive: its SHA-256 as 64 hexadecimal digits, its size in bytes."""

    sha256: str
    size: int


class Manifest(msgspec.Struct, frozen=True):
    """What an archive says of itself.

    ``made`` is UTC (ISO 8601), ``sipbox`` the version that made it, ``migrations`` maps each group of tables
    to its step, ``rows`` each table to the number of its rows, ``parts`` each file's name to what it is.
    """

    format: int
    made: str
    sipbox: str
    migrations: dict[str, str]
    rows: dict[str, int]
    parts: dict[str, Part]

    @property
    def row_count(self) -> int:
        """All rows."""
        return sum(self.rows.values())

    @property
    def files(self) -> list[str]:
        """The names of what is no row."""
        return [name for name in self.parts if name != ROWS]


def create(url: str | URL, file: Path, files: Mapping[str, Path], tell: Tell = untold) -> Manifest:
    """Write the rows of the database ``url`` and ``files`` (name in the archive to place) into ``file``.

    The server may go on meanwhile: the rows are of one moment. What is no regular file is refused, a link
    too: one place belongs to the server's user, who shall not choose what root reads. ``tell`` hears how it
    goes. Raises StorageError, and leaves nothing.
    """
    rows, partial = (file.with_name(f".{file.name}.{end}") for end in ("rows", "partial"))
    try:
        database = Database(url)
        try:
            migrations = schema.present_groups(database)
        finally:
            database.close()
        saved = backup.backup(url, rows, tell)
        contents = {name: _file(place) for name, place in files.items()}
        parts = {ROWS: _part_of(rows)}
        for name, content in contents.items():
            parts[name] = Part(hashlib.sha256(content).hexdigest(), len(content))
        manifest = Manifest(FORMAT, saved.made, __version__, migrations, saved.rows, parts)
        with _owned(partial) as raw, tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
            with rows.open("rb") as stream:
                tar.addfile(_member(ROWS, parts[ROWS].size), stream)
            for name, content in contents.items():
                _add(tar, name, content)
        partial.replace(file)
        _flush_directory(file.parent)
        return manifest
    except OSError as error:
        raise StorageError(f"the backup {file} cannot be written: {_reason(error)}") from error
    finally:
        for scratch in (rows, partial):
            scratch.unlink(missing_ok=True)


def manifest_of(file: Path) -> Manifest:
    """What ``file`` says of itself, quickly; ``verify`` says whether it is so. Raises StorageError."""
    with _opened(file) as tar:
        return _manifest(tar, file)


def verify(file: Path) -> Manifest:
    """Read the whole of ``file``: every checksum, every row. Raises StorageError when it is not whole."""
    with _unpacked(file) as (manifest, _rows, _contents):
        return manifest


def restore(
    url: str | URL,
    file: Path,
    places: Mapping[str, Path],
    *,
    replace: bool = False,
    admin_url: str | URL | None = None,
    tell: Tell = untold,
) -> Manifest:
    """Put the rows of ``file`` into the database, and its files to ``places`` (name in the archive to place).

    The whole archive is checked before anything is changed. The rows go in altogether or not at all; a
    database that has rows is refused unless ``replace``. A file gets the owner of its directory and mode
    0600. ``tell`` hears how it goes. Raises StorageError.
    """
    with _unpacked(file) as (manifest, rows, contents):
        _refuse_later_schema(manifest, file)
        backup.restore(url, rows, replace=replace, admin_url=admin_url, tell=tell)
        for name, place in places.items():
            if name in contents:
                _put(place, contents[name])
    return manifest


# ---------------------------------------------------------------------------------------------------- writing


@contextmanager
def _owned(file: Path) -> Iterator[IO[bytes]]:
    """A new file for its owner alone, on the disk when the block ends."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        os.fchmod(raw.fileno(), 0o600)
        yield raw
        raw.flush()
        os.fsync(raw.fileno())


def _file(place: Path) -> bytes:
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as raw:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_FILE:
            raise OSError(errno.EINVAL, "no regular file of a few kilobytes", str(place))
        return raw.read(_LARGEST_FILE)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    return member


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    tar.addfile(_member(name, len(content)), io.BytesIO(content))


def _part_of(file: Path) -> Part:
    with file.open("rb") as stream:
        return Part(hashlib.file_digest(stream, "sha256").hexdigest(), file.stat().st_size)


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(place: Path, content: bytes) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = place.with_name(f".{place.name}.restored")
        with _owned(scratch) as raw:
            raw.write(content)
            owner = place.parent.stat()
            if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(raw.fileno(), owner.st_uid, owner.st_gid)
        scratch.replace(place)
        _flush_directory(place.parent)
    except OSError as error:
        raise StorageError(
            f"the rows are restored, but {place} cannot be written: {_reason(error)};"
            " mend that and restore again with --replace"
        ) from error


# ---------------------------------------------------------------------------------------------------- reading


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, mode="r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as error:
        raise StorageError(f"{file} is not a whole backup of sipbox: {error}") from error
    except OSError as error:
        raise StorageError(f"the backup {file} cannot be read: {_reason(error)}") from error


def _manifest(tar: tarfile.TarFile, file: Path) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > _LARGEST_FILE:
        raise StorageError(f"{file} is not a backup of sipbox")
    content = _content(tar, first)
    try:
        version: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
        if version.get("format") != FORMAT:
            raise StorageError(
                f"{file} was made by sipbox {version.get('sipbox')},"
                " in a format that this version cannot read"
            )
        return msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise StorageError(f"{file} is not a whole backup of sipbox: {error}") from error


@contextmanager
def _unpacked(file: Path) -> Iterator[tuple[Manifest, Path, dict[str, bytes]]]:
    """The checked content: what it says of itself, its rows in a file that goes, its other files."""
    with tempfile.TemporaryDirectory(prefix="sipbox-backup-") as directory:
        rows = Path(directory) / ROWS
        contents: dict[str, bytes] = {}
        with _opened(file) as tar:
            manifest = _manifest(tar, file)
            for member in iter(tar.next, None):
                said = manifest.parts.get(member.name)
                if said is None or not member.isreg() or member.size != said.size:
                    raise StorageError(f"{file} is damaged: {member.name} is not what its manifest says")
                if member.name == ROWS:
                    found = _copy(tar, member, rows)
                else:
                    contents[member.name] = _content(tar, member)
                    found = hashlib.sha256(contents[member.name]).hexdigest()
                if found != said.sha256:
                    raise StorageError(f"{file} is damaged: the checksum of {member.name} is another")
            missing = [name for name in manifest.files if name not in contents]
            if missing or not rows.exists():
                raise StorageError(
                    f"{file} is not a whole backup of sipbox: {(missing or [ROWS])[0]} is missing"
                )
        if backup.verify(rows).rows != manifest.rows:
            raise StorageError(f"{file} is damaged: its rows are not those that its manifest counts")
        yield manifest, rows, contents


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    assert stream is not None  # noqa: S101 - a regular file has a content
    content = stream.read()
    if len(content) != member.size:
        raise tarfile.ReadError("it ends too early")
    return content


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> str:
    """Its SHA-256."""
    stream = tar.extractfile(member)
    assert stream is not None  # noqa: S101 - a regular file has a content
    digest = hashlib.sha256()
    with _owned(into) as raw:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            raw.write(chunk)
    return digest.hexdigest()


def _refuse_later_schema(manifest: Manifest, file: Path) -> None:
    unknown = sorted(step for step in manifest.migrations.values() if not heads.is_known(step))
    if unknown:
        raise StorageError(
            f"{file} was made by sipbox {manifest.sipbox}, whose tables ({unknown[0]}) this version"
            f" {__version__} does not know: install that version before"
        )


def _reason(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else (error.strerror or str(error))
