"""Whatever is written into the FIFO, and in whatever pieces: nothing breaks its reader."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.agent.mi import Argument
from appliance.agent.mi_request import Ignored, Refusal, Request, RequestReader

COMMANDS = {"ul_add": True, "ul_rm": True, "uptime": False}

# Bytes that mean something are more likely than by chance.
pieces = st.lists(
    st.sampled_from(
        [b":ul_add:r\n", b":uptime:r\n", b":nothing:r\n", b":ul_rm:", b":", b"::", b'"', b"\\", b"\n", b"\r",
         b" ", b"x", b"a::b", b"\xff", b"\0", b"y" * 900, b"z" * 5000]
    )
    | st.binary(max_size=20),
    max_size=40,
)  # fmt: skip
plain = st.text(
    st.characters(codec="utf-8", exclude_characters='"\r\n', exclude_categories=["Cc"]), max_size=40
)
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200).filter(
    # An empty line ends the request, also inside quotes; a backslash before the closing quote escapes it.
    lambda value: not value.startswith("\n") and "\n\n" not in value and not value.endswith(("\\", "\n"))
)


def read(chunks: list[bytes]) -> list[Request | Refusal | Ignored]:
    reader = RequestReader(COMMANDS, lambda name: name == "r")
    return [item for chunk in chunks for item in reader.feed(chunk)]


@given(pieces)
def test_the_pieces_do_not_matter(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert read(chunks) == read([whole]) == read([bytes([byte]) for byte in whole])


@given(pieces)
def test_after_anything_a_client_whose_reply_fifo_is_there_is_served(chunks: list[bytes]) -> None:
    assert read([*chunks, b":uptime:r\n\n"])[-1] == Request("uptime", "r")


@given(pieces)
def test_after_the_end_of_a_request_anybody_is_served(chunks: list[bytes]) -> None:
    assert read([*chunks, b"\n\n:uptime:other\n\n"])[-1] == Request("uptime", "other")


@given(st.lists(text, max_size=5))
def test_what_is_quoted_comes_out_as_it_was(values: list[str]) -> None:
    lines = "".join('"' + value.replace('"', '\\"') + '"\n' for value in values)
    (request,) = read([f":ul_add:r\n{lines}\n".encode()])
    assert request == Request("ul_add", "r", tuple(Argument(value) for value in values))


@given(st.lists(plain, max_size=5))
def test_what_is_plain_comes_out_without_its_blanks(values: list[str]) -> None:
    kept = [value for value in values if value.encode().strip() and "::" not in value]
    lines = "".join(f"  {value}  \n" for value in kept)
    (request,) = read([f":ul_add:r\n{lines}\n".encode()])
    assert isinstance(request, Request)
    assert [argument.value for argument in request.arguments] == [v.encode().strip().decode() for v in kept]
