"""The text of replies, to the byte."""

from __future__ import annotations

from appliance.agent.mi import CommandRefused, Node, Tree, failed, not_available, parse_error


def test_a_reply_without_nodes() -> None:
    assert Tree().text == "200 OK\n\n"


def test_nodes_names_values_attributes_and_indents() -> None:
    contact = Node("sip:10@192.0.2.1", "Contact", (("Q", ""),), (Node("3600", "Expires"), Node("plain")))
    tree = Tree(
        (Node("location", "Domain", (("table", "512"), ("records", "1")), (contact,)), Node("", "Empty"))
    )
    assert tree.text == (
        "200 OK\n"
        "Domain:: location table=512 records=1\n"
        "\tContact:: sip:10@192.0.2.1 Q=\n"
        "\t\tExpires:: 3600\n"
        "\t\tplain\n"
        "Empty:: \n"
        "\n"
    )


def test_a_node_without_a_value_keeps_the_blank_of_its_name() -> None:
    assert Tree((Node("", "Process", (("ID", "0"),)),)).text == "200 OK\nProcess::  ID=0\n\n"


def test_a_refusal_is_a_tree_and_ends_with_an_empty_line() -> None:
    assert CommandRefused(404, "AOR not found").tree.text == "404 AOR not found\n\n"


def test_what_the_transport_says_itself_has_no_empty_line() -> None:
    assert not_available("x") == "500 command 'x' not available\n"
    assert parse_error("x") == "400 parse error in command 'x'\n"
    assert failed("x") == "500 command 'x' failed\n"
