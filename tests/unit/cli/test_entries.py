"""Files of subscribers and phones, as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.cli.entries import BadEntry, read_entries

COLUMNS = ("user", "password", "aliases", "accounts")


def read(path: Path, text: str | bytes, name: str = "file") -> list[tuple[str, dict[str, Any]]]:
    file = path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [
        (entry.place.removeprefix(f"{file}"), entry.values)
        for entry in read_entries(str(file), "subscribers", COLUMNS)
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv(tmp_path: Path, delimiter: str) -> None:
    text = 'user,password\r\n010,"a b"\r\n\r\n 11 ,\r\n'.replace(",", delimiter)
    assert read(tmp_path, b"\xef\xbb\xbf" + text.encode()) == [
        (":2", {"user": "010", "password": "a b"}),
        (":4", {"user": "11", "password": ""}),
    ]


@pytest.mark.parametrize("name", ["file", "file.yml", "file.yaml"])
def test_yaml_values_stay_as_they_are_written(tmp_path: Path, name: str) -> None:
    text = (
        "---\nsubscribers:\n  - user: 010\n    password: yes\n    aliases: [1e3, ~]\n"
        "  - {user: 1_0, password: ~}\n  - user: '~'\n"
    )
    assert read(tmp_path, text, name) == [
        (":3", {"user": "010", "password": "yes", "aliases": ["1e3", None]}),
        (":6", {"user": "1_0", "password": None}),
        (":7", {"user": "~"}),
    ]


@pytest.mark.parametrize("name", ["file", "file.json"])
@pytest.mark.parametrize("text", ['[{"user": 10, "accounts": [{"a": true}]}]'])
def test_json(tmp_path: Path, name: str, text: str) -> None:
    expected = [(": entry 1", {"user": "10", "accounts": [{"a": "true"}]})]
    assert read(tmp_path, text, name) == expected
    assert read(tmp_path, f'{{"subscribers": {text}}}', name) == expected


def test_json_has_words_that_are_no_text(tmp_path: Path) -> None:
    text = '[{"user": NaN, "password": -Infinity}]'
    assert read(tmp_path, text, "a.json") == [(": entry 1", {"user": "NaN", "password": "-Infinity"})]


def test_yaml_in_brackets_is_no_json(tmp_path: Path) -> None:
    assert read(tmp_path, "[{user: 10}]") == [(":1", {"user": "10"})]


@pytest.mark.parametrize("name", ["file", "file.csv", "file.yml"])
def test_an_empty_file_names_nobody(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, "", name) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "user,pass\n1,2\n", r"a\.csv:1: there is no column 'pass'; the columns are user, password"),
        ("a.csv", "user,user\n", r"a\.csv:1: 'user' stands there twice"),
        ("a.csv", "user,password\n10\n", r"a\.csv:2: has 1 cells, not 2"),
        ("a.csv", 'user,password\n10,"x\n', r"a\.csv:2: is no CSV"),
        ("a.csv", b"user\n1\n\xff\n", r"a\.csv:3: is not UTF-8"),
        ("a.yml", "- user: 1\n  nick: x\n", r"a\.yml:1: there is no column 'nick'"),
        ("a.yml", "- user: 1\n- user: 2\n  user: 3\n", r"a\.yml:2: 'user' stands there twice"),
        ("a.yml", "- user: [\n", r"a\.yml:2: is no YAML"),
        ("a.yml", "- 10\n", r"a\.yml:1: is no mapping"),
        ("a.yml", "- &a {accounts: [*a]}\n", r"a\.yml:1: is nested too deeply"),
        ("a.yml", "user: 10\n", r"a\.yml: is no list of subscribers"),
        ("a.json", '[\n{"user": 1}', r"a\.json:2: is no JSON"),
        ("a.json", "[1]", r"a\.json: entry 1: is no mapping"),
        ("a.json", f'[{{"user": {"[" * 600}{"]" * 600}}}]', r"a\.json: entry 1: is nested too deeply"),
        ("a.json", '[{"user": 1, "user": 2}]', r"a\.json: 'user' stands there twice"),
        ("a.yml", "$ANSIBLE_VAULT;1.1;AES256\n3132\n", r"a\.yml: is encrypted by Ansible Vault"),
    ],
)
def test_what_cannot_be_is_one_line_with_its_place(
    tmp_path: Path, name: str, text: str | bytes, said: str
) -> None:
    with pytest.raises(BadEntry, match=said) as refused:
        read(tmp_path, text, name)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadEntry, match=r"nowhere: cannot be read \(No such file or directory\)"):
        read_entries(str(tmp_path / "nowhere"), "subscribers", COLUMNS)
    with pytest.raises(BadEntry, match="cannot be read"):
        read_entries(str(tmp_path), "subscribers", COLUMNS)
