"""The runner of documents notices what is not so."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.docs.transcript import Transcript, normal


def run(tmp_path: Path, text: str) -> int:
    directory = tmp_path / secrets.token_hex(4)
    directory.mkdir()
    document = directory / "page.md"
    document.write_text(text)
    with Transcript(document, directory, "/nowhere", {"5060": "12345"}, patience=1.0) as transcript:
        return transcript.run()


def test_what_is_printed_is_compared(tmp_path: Path) -> None:
    assert run(tmp_path, "```console\n$ echo one; echo two\none\ntwo\n$ true\n```\n") == 2
    with pytest.raises(AssertionError, match="two"):
        run(tmp_path, "```console\n$ echo one; echo two\none\n```\n")
    with pytest.raises(AssertionError, match="not found"):
        run(tmp_path, "```console\n$ no-such-program\n```\n")


def test_variables_stay_and_ports_are_put_back(tmp_path: Path) -> None:
    text = "```console\n$ export port=5060\n$ cat <<END\n> $port\n> END\n5060\n$ test $port = 12345\n```\n"
    assert run(tmp_path, text) == 3


def test_another_terminal_is_waited_for_and_searched_in_order(tmp_path: Path) -> None:
    start = "```console other\n$ printf 'a\\nb\\nc\\n\\n'; sleep 0.3; printf 'd\\ne\\n'; sleep 60\n```\n"
    run(tmp_path, start + "```text other\na\nc\n\ne\n```\n")
    for missing in ("c\na", "e\n\na", "f"):
        document = start.replace("0.3", "0") + f"```text other\n{missing}\n```\n"
        with pytest.raises(AssertionError, match="does not show"):
            run(tmp_path, document)


def test_placeholders() -> None:
    assert normal('0(12) 22:15:39.250 nonce="x", tag=1;b') == '0(PID) TIME nonce="…", tag=…;b'
    assert normal("Call-ID: a@b\nCSeq: 17 INVITE\n") == "Call-ID: …\nCSeq: … INVITE"
