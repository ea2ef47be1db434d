"""Requests out of the FIFO's bytes, as OpenSER 1.2 reads them."""

from __future__ import annotations

import pytest

from appliance.agent.mi import Argument
from appliance.agent.mi_request import Ignored, Refusal, Request, RequestReader

COMMANDS = {"ul_add": True, "ul_rm": True, "t_uac_dlg": True, "uptime": False}


def reader(waiting: tuple[str, ...] = ()) -> RequestReader:
    return RequestReader(COMMANDS, lambda name: name in waiting)


def read(data: bytes) -> list[Request | Refusal | Ignored]:
    return list(reader().feed(data))


def arguments(lines: bytes) -> tuple[Argument, ...]:
    """The arguments of a request with these lines."""
    (request,) = read(b":ul_add:r\n" + lines + b"\n")
    assert isinstance(request, Request), request
    return request.arguments


def test_a_command_without_arguments() -> None:
    assert read(b":uptime:openser_receiver_12\n\n") == [Request("uptime", "openser_receiver_12")]


def test_the_reply_name_may_be_left_out() -> None:
    assert read(b":uptime:\n\n") == [Request("uptime", "")]


@pytest.mark.parametrize("end", [b"\r", b" ", b"\t", b" \t\r"])
def test_blanks_after_the_first_line_do_not_count(end: bytes) -> None:
    assert read(b":uptime:r" + end + b"\n\n") == [Request("uptime", "r")]


def test_a_request_in_pieces_of_one_byte() -> None:
    whole = b':ul_rm:r\nlocation\n"a\nb"\n\n'
    fed = reader()
    items = [item for byte in whole for item in fed.feed(bytes([byte]))]
    assert items == [Request("ul_rm", "r", (Argument("location"), Argument("a\nb")))]
    assert not fed.unfinished


def test_several_requests_in_one_read() -> None:
    assert read(b":uptime:a\n\n:ul_rm:b\nx\n\n") == [
        Request("uptime", "a"),
        Request("ul_rm", "b", (Argument("x"),)),
    ]


def test_empty_lines_between_requests_do_not_count() -> None:
    assert read(b"\n\n  \n:uptime:a\n\n\n") == [Request("uptime", "a")]


# ------------------------------------------------------------------------------------------------------
# arguments


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"value\n", Argument("value")),
        (b"  value with blanks inside \t\n", Argument("value with blanks inside")),
        (b"value\r\n", Argument("value")),
        (b"name::value\n", Argument("value", "name")),
        (b"name :: value\n", Argument("value", "name")),
        (b"name::\n", Argument("", "name")),
        (b"::value\n", Argument("value", None)),
        (b"a:b\n", Argument("a:b")),
        (b'"quoted"\n', Argument("quoted")),
        (b'"quoted"  \n', Argument("quoted")),
        (b'" blanks kept "\n', Argument(" blanks kept ")),
        (b'name::"quoted"\n', Argument("quoted", "name")),
        (b'""\n', Argument("")),
        (b'"say \\"hello\\""\n', Argument('say "hello"')),
        (b'"\\"first"\n', Argument('"first')),
        (b'"back\\slash"\n', Argument("back\\slash")),
        (b'"two\nlines"\n', Argument("two\nlines")),
        (b'"From: <sip:a>\r\nTo: <sip:b>\r\n"\n', Argument("From: <sip:a>\r\nTo: <sip:b>\r\n")),
        (b'"head\r\n\r\nbody"\n', Argument("head\r\n\r\nbody")),
        (b"\xff\n", Argument("\udcff")),
    ],
)
def test_one_argument(line: bytes, expected: Argument) -> None:
    assert arguments(line) == (expected,)


def test_blank_lines_between_arguments_do_not_count_and_crlf_ends_nothing() -> None:
    assert arguments(b"a\n \t\n\r\nb\n") == (Argument("a"), Argument("b"))


@pytest.mark.parametrize(
    "line",
    [b'un"quoted\n', b'na"me::value\n', b'name::va"lue\n', b'"closed" and more\n', b'value "quoted"\n'],
)
def test_a_quote_in_the_wrong_place_is_a_parse_error(line: bytes) -> None:
    text = "400 parse error in command 'ul_add'\n"
    # What follows belongs to the broken request up to its empty line.
    assert read(b":ul_add:r\n" + line + b"rest\n\n:uptime:n\n\n") == [
        Refusal("r", text),
        Request("uptime", "n"),
    ]


def test_the_empty_line_ends_a_request_even_inside_quotes() -> None:
    assert read(b':ul_add:r\n"open\n\n:uptime:n\n\n') == [
        Refusal("r", "400 parse error in command 'ul_add'\n"),
        Request("uptime", "n"),
    ]


def test_8192_bytes_of_arguments_are_taken() -> None:
    lines = b"x" * 4095 + b"\n" + b"y" * 4095 + b"\n"
    assert [len(argument.value) for argument in arguments(lines)] == [4095, 4095]
    assert arguments(b'"' + b"z" * 8189 + b'"\n') == (Argument("z" * 8189),)


@pytest.mark.parametrize(
    "lines",
    [b"x" * 8192 + b"\n", b"x" * 100_000 + b"\n", (b"y" * 1023 + b"\n") * 9, b'"' + b"z\n" * 5000 + b'"\n'],
)
def test_more_arguments_than_that_are_a_parse_error(lines: bytes) -> None:
    assert read(b":ul_add:r\n" + lines + b"\n:uptime:n\n\n") == [
        Refusal("r", "400 parse error in command 'ul_add'\n"),
        Request("uptime", "n"),
    ]


def test_a_command_without_input_ignores_what_it_is_given() -> None:
    assert read(b':uptime:r\nwhat"ever\n\n') == [Request("uptime", "r")]


# -----------------------------------------------------------------------------------------------------
# first lines


def test_an_unknown_command_is_answered_at_once_and_its_arguments_are_skipped() -> None:
    fed = reader()
    assert list(fed.feed(b":lcr_reload:r\n")) == [Refusal("r", "500 command 'lcr_reload' not available\n")]
    assert list(fed.feed(b'a\n"b\n\n:uptime:n\n\n')) == [Request("uptime", "n")]


@pytest.mark.parametrize(
    "line",
    [
        b":x",
        b"uptime:r",
        b":uptime",
        b"::r",
        b":uptime:../r",
        b":uptime:a/b",
        b":uptime:a.b",
        b":uptime:a\\b",
        b":uptime:a\0b",
        b":uptime:" + b"r" * 1016,
    ],
)
def test_a_bad_first_line_gets_no_answer_and_takes_its_request_with_it(line: bytes) -> None:
    first, second = read(line + b"\nargument\n\n:uptime:n\n\n")
    assert isinstance(first, Ignored)
    assert second == Request("uptime", "n")


def test_a_first_line_of_1024_bytes() -> None:
    name = "r" * (1024 - len(":uptime:\n"))
    assert read(f":uptime:{name}\n\n".encode()) == [Request("uptime", name)]


# ------------------------------------------------------------------------------------------ clients that
# die half-way


@pytest.mark.parametrize(
    "half",
    [
        b":ul_",
        b":ul_rm:",
        b":ul_rm:dead",
        b":ul_rm:dead\n",
        b":ul_rm:dead\nloc",
        b":ul_rm:dead\nlocation\n",
        b':ul_rm:dead\n"quoted\n',
        b':ul_rm:dead\n"quoted',
        b":unknown:dead\n",
        b":uptime:dead\n",
        b"garbage",
        b"garbage\n",
    ],
)
def test_the_next_client_is_served_after_one_that_died_half_way(half: bytes) -> None:
    items = list(reader(waiting=("alive",)).feed(half + b":ul_rm:alive\nlocation\n\n"))
    assert items[-1] == Request("ul_rm", "alive", (Argument("location"),))
    assert not [item for item in items[:-1] if isinstance(item, Request)]


def test_an_argument_that_only_looks_like_a_request_is_an_argument() -> None:
    lines = b":ul_rm:nobody\n"  # no such reply FIFO
    assert arguments(lines) == (Argument(":ul_rm:nobody"),)
    (request,) = reader(waiting=("alive",)).feed(b":ul_add:r\n:brew:alive\n\n")
    assert request == Request("ul_add", "r", (Argument(":brew:alive"),))


def test_an_unfinished_request_can_be_given_up() -> None:
    fed = reader()
    assert list(fed.feed(b":ul_rm:dead\nloc")) == []
    assert fed.unfinished
    assert "ul_rm" in fed.abandon().problem
    assert not fed.unfinished
    assert list(fed.feed(b":uptime:n\n\n")) == [Request("uptime", "n")]
