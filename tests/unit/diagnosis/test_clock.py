from __future__ import annotations

from pathlib import Path

from appliance.diagnosis.clock import Clock, judge, look, tracked
from tests.unit.diagnosis.made import around

TRACKING = (
    "C0000201,192.0.2.1,3,1764459000.1,{offset},0.000012,0.000031,-12.3,0.001,0.02,"
    "0.0012,0.0009,64.2,{leap}\n"
)


def test_synchronised() -> None:
    found = judge(Clock("chrony", True, 0.0004), container=False)
    assert (found.state, found.what) == ("ok", "synchronised (chrony), 0.4 ms off")
    assert judge(Clock("the kernel", True), container=False).state == "ok"


def test_off_by_seconds() -> None:
    for offset in (4.25, -4.25):
        found = judge(Clock("chrony", True, offset), container=False)
        assert (found.state, found.what) == ("wrong", "the clock is 4.2 s off its time servers")
        assert "chronyc makestep" in found.todo
    # A daemon that may not set the clock sees the same, in a container too.
    assert judge(Clock("chrony", True, 9.0), container=True).state == "wrong"


def test_following_nobody() -> None:
    found = judge(Clock("the kernel", False), container=False)
    assert found.state == "wrong" and "systemctl restart chrony" in found.todo
    assert judge(Clock("the kernel", False), container=True).state == "ok"
    assert judge(None, container=False).state == "unknown"


def test_what_chrony_says() -> None:
    assert tracked(TRACKING.format(offset="-0.25", leap="Normal")) == Clock("chrony", True, -0.25)
    unsynchronised = tracked(TRACKING.format(offset="0.0", leap="Not synchronised"))
    assert unsynchronised == Clock("chrony", False, 0.0)
    assert tracked("506 Cannot talk to daemon\n") is None
    assert tracked("a,b,c,d,e,f,g,h,i,j,k,l,m,n") is None


def test_chrony_comes_before_the_kernel(tmp_path: Path) -> None:
    printed = {"chronyc": TRACKING.format(offset="7.5", leap="Normal")}
    assert look(around(tmp_path, printed=printed)).what == "the clock is 7.5 s off its time servers"
    # Without it the kernel is asked, which changes nothing, and may not be allowed to say.
    assert look(around(tmp_path)).state in ("ok", "wrong", "unknown")
