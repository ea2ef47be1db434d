from __future__ import annotations

from appliance.diagnosis.settings_file import Ways, judge

BY_HAND = Ways("end it, and start it again")


def test_a_file_in_order() -> None:
    assert judge("/s.toml", None, False, 100.0, 200.0, BY_HAND).state == "ok"
    assert judge("/s.toml", None, False, 100.0, None, BY_HAND).state == "ok"


def test_a_wrong_line_is_named_with_what_mends_it() -> None:
    found = judge("/s.toml", "/s.toml:3: sip.ring_seconds: is out of range", False, 1.0, 2.0, BY_HAND)
    assert found.state == "wrong"
    assert found.what.startswith("/s.toml:3: sip.ring_seconds: is out of range; the server works with")
    assert found.todo == "Mend it, and try: sipbox config check."
    on_a_box = judge("/s.toml", "x", False, 1.0, None, Ways("restart", ansible=True))
    assert (on_a_box.what, "ansible-playbook site.yml" in on_a_box.todo) == ("x", True)


def test_one_that_nobody_has_read_yet() -> None:
    found = judge("/s.toml", None, False, 205.0, 200.0, Ways("systemctl restart 'sipbox@*.service'"))
    assert found.state == "wrong"
    assert found.todo == "Have it read: systemctl restart 'sipbox@*.service'."


def test_one_that_says_the_same_to_the_server() -> None:
    """As when only what the agent reads is another."""
    assert judge("/s.toml", None, False, 205.0, 200.0, BY_HAND, lambda: False).state == "ok"


def test_one_that_is_not_ours_to_read() -> None:
    assert judge("/s.toml", None, True, 0.0, None, BY_HAND).state == "unknown"
