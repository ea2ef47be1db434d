"""``sipbox backup``: the whole box in one file (rows, keys, settings), and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from appliance.cli.administrator import database_url, member_url
from appliance.cli.database import admin_options, administrator
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_json, show_record, show_table
from appliance.cli.progress import progress
from appliance.errors import StorageError

if TYPE_CHECKING:
    from appliance.storage.archive import Manifest

Function = TypeVar("Function", bound=Callable[..., Any])

DIRECTORY = Path("/var/backups/sipbox")
SETTINGS = "settings/"
CREDENTIALS = "credentials/"
#: The box's own authority, whom its phones believe (roles/certificates); certificates are made anew.
AUTHORITY = ("tls/authority.pem", "tls/authority-key.pem")
SECRET = "state/secret"  # noqa: S105 - a file's name


def directory_option(function: Function) -> Function:
    """Where the backups are."""
    return click.option(
        "--directory",
        type=click.Path(file_okay=False, path_type=Path),
        default=DIRECTORY,
        metavar="DIR",
        help=f"Where the backups are.  [default: {DIRECTORY}]",
    )(function)


file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group(cls=Noun)
def backup() -> None:
    """Rows, keys and settings in one file, and back."""


@backup.command()
@directory_option
@click.option("--keep-daily", type=click.IntRange(0, 3660), metavar="N", help="Keep N days' last backups.")
@click.option("--keep-weekly", type=click.IntRange(0, 520), metavar="N", help="Keep N weeks' last backups.")
@invocation
def create(run: Invocation, directory: Path, keep_daily: int | None, keep_weekly: int | None) -> None:
    """Make a backup and print its file; calls go on meanwhile. With --keep-…, older ones go."""
    from appliance.storage import archive, backup_files

    url = database_url(member_url(run.settings.database))
    backup_files.prepare(directory)
    file = backup_files.new_name(directory, datetime.now(UTC))
    with progress() as tell:
        made = archive.create(url, file, _files(run), tell)
    try:
        archive.verify(file)
    except StorageError:
        file.unlink(missing_ok=True)  # else it would count as one, and older ones would go for it
        raise
    click.echo(str(file))
    say(f"{made.row_count} rows and {len(made.files)} files, {file.stat().st_size} bytes")
    if keep_daily is None and keep_weekly is None:
        return
    # Only now that there is a new one, and that one is good.
    old = backup_files.surplus(backup_files.every(directory), daily=keep_daily or 0, weekly=keep_weekly or 0)
    for each in old:
        each.file.unlink(missing_ok=True)
        say(f"{each.file} removed")


@backup.command(name="list")
@directory_option
@json_option
def list_(directory: Path, as_json: bool) -> None:
    """List the backups, the newest first."""
    from appliance.storage import archive, backup_files

    rows: list[dict[str, Any]] = []
    for each in backup_files.every(directory):
        told: dict[str, Any] = {"sipbox": None, "rows": None}
        try:
            manifest = archive.manifest_of(each.file)
            told = {"sipbox": manifest.sipbox, "rows": manifest.row_count}
        except StorageError:
            pass  # it is listed as one of which nothing is known
        rows.append({"file": str(each.file), "made": each.made, "bytes": each.file.stat().st_size, **told})
    if as_json:
        show_json([{**row, "made": row["made"].isoformat()} for row in rows])
        return
    table = [
        (row["made"].strftime("%Y-%m-%d %H:%M:%S"), row["rows"], row["bytes"], row["sipbox"], row["file"])
        for row in rows
    ]
    show_table(("Made (UTC)", "Rows", "Bytes", "Version", "File"), table, f"no backups in {directory}")


@backup.command()
@file_argument
@json_option
def verify(file: Path, as_json: bool) -> None:
    """Read the whole of FILE and check it: every checksum, every row."""
    from appliance.storage import archive

    manifest = archive.verify(file)
    if as_json:
        show_json(_told(manifest))
        return
    tables = {table: count for table, count in manifest.rows.items() if count}
    show_record(
        {
            "state": "whole",
            "made": manifest.made,
            "version": manifest.sipbox,
            "files": ", ".join(manifest.files),
            **{f"rows of {table}": count for table, count in tables.items()},
        }
    )


@backup.command()
@file_argument
@click.option("--replace", is_flag=True, help="In place of the rows that are there.")
@admin_options
@yes_option
@invocation
def restore(
    run: Invocation, file: Path, replace: bool, admin_url: str | None, admin_password: bool, yes: bool
) -> None:
    """Put the rows and keys of FILE back, into a database without rows. The server has to be stopped."""
    from appliance.config import hide_password
    from appliance.storage import archive

    url = member_url(run.settings.database)
    _refuse_while_it_runs(run)
    chosen = administrator(admin_url, admin_password)
    if replace:
        manifest = archive.verify(file)
        confirm(f"Replace everything in {hide_password(url)} by the backup of {manifest.made}?", yes)
    places = _places(run, file)
    with progress() as tell:
        restored = archive.restore(
            database_url(url), file, places, replace=replace, admin_url=chosen, tell=tell
        )
    say(f"{restored.row_count} rows and the keys restored, as they were at {restored.made}")
    say(
        "the settings stay as they are; those of the backup are shown by: "
        f"tar -xOf {file} {next((name for name in restored.files if name.startswith(SETTINGS)), SETTINGS)}"
    )
    say("now start the server: systemctl start sipbox.target")


def _files(run: Invocation) -> dict[str, Path]:
    """What a box consists of beside its rows, by the name in the archive."""
    settings = Path(run.path)
    files = {f"{SETTINGS}{settings.name}": settings.resolve()}
    credentials = settings.parent / "credentials"
    if credentials.is_dir():
        keys = sorted(place for place in credentials.iterdir() if place.is_file())
        files |= {f"{CREDENTIALS}{place.name}": place.resolve() for place in keys}
    files |= {name: settings.parent / name for name in AUTHORITY if (settings.parent / name).is_file()}
    secret = Path(run.settings.sip.state_dir) / "secret"
    if secret.is_symlink() or secret.exists():  # made when the server starts for the first time
        files[SECRET] = secret
    return files


def _places(run: Invocation, file: Path) -> dict[str, Path]:
    """Where the keys in ``file`` go on this box. Its settings are this box's own, and stay."""
    from appliance.storage import archive

    places = {SECRET: Path(run.settings.sip.state_dir) / "secret"}
    credentials = Path(run.path).parent / "credentials"
    for name in archive.manifest_of(file).files:
        key = name.removeprefix(CREDENTIALS)
        if key != name and key and "/" not in key and not key.startswith("."):
            places[name] = credentials / key
        elif name in AUTHORITY:
            places[name] = Path(run.path).parent / name
    return places


def _refuse_while_it_runs(run: Invocation) -> None:
    """A running server has bindings in memory, and would write them over what is restored."""
    from appliance import control

    for place in run.settings.sip.controls:
        try:
            control.call(place, "status", timeout=5)
        except control.ServerDown:
            continue
        raise StorageError("the server runs: stop it before ('systemctl stop sipbox.target'), then restore")


def _told(manifest: Manifest) -> dict[str, Any]:
    return {
        "made": manifest.made,
        "sipbox": manifest.sipbox,
        "migrations": manifest.migrations,
        "rows": manifest.rows,
        "files": manifest.files,
    }
