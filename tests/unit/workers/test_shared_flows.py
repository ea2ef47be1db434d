from __future__ import annotations

from appliance.workers.shared_flows import SharedFlows
from tests.unit.workers.made import flow


def test_the_owner_is_found_by_number_and_by_address() -> None:
    flows = SharedFlows()
    flows.opened(2, [flow(7), flow(8, 6000)])
    assert flows.find(flow(7)) == (2, flow(7))
    assert flows.find(flow(0, 6000)) == (2, flow(8, 6000))
    assert flows.find(flow(9)) is None
    assert flows.find(flow(0, 7000)) is None


def test_a_number_at_another_address_is_another_connection() -> None:
    flows = SharedFlows()
    flows.opened(2, [flow(7)])
    assert flows.find(flow(7, 6000)) is None


def test_what_has_ended_is_gone() -> None:
    flows = SharedFlows()
    flows.opened(2, [flow(7), flow(8)])
    assert flows.closed(2, [flow(7)]) == [flow(7)]
    assert flows.find(flow(7)) is None
    assert flows.find(flow(0)) == (2, flow(8))
    assert flows.closed(2, [flow(7)]) == []


def test_what_another_worker_has_by_now_stays() -> None:
    flows = SharedFlows()
    flows.opened(2, [flow(7)])
    flows.opened(3, [flow(7)])
    assert flows.closed(2, [flow(7)]) == []
    assert flows.find(flow(7)) == (3, flow(7))
    assert flows.all_of(2) == []
    assert len(flows) == 1


def test_what_a_connection_is_used_for_besides_leads_to_its_owner() -> None:
    """RFC 5923: whoever has proved to be there is reached by the connection that it has opened."""
    flows = SharedFlows()
    alias = flow(7)._replace(port=5061, name="peer.example")
    flows.opened(2, [flow(7), alias])
    assert flows.find(alias._replace(connection=0)) == (2, flow(7))
    assert flows.find(alias._replace(connection=0, name="")) is None
    assert flows.find(flow(7)) == (2, flow(7))
    assert flows.all_of(2) == [alias, flow(7)]
    assert flows.closed(2, [alias, flow(7)]) == [alias, flow(7)]
    assert flows.find(alias._replace(connection=0)) is None
    assert len(flows) == 0


def test_when_a_worker_is_gone_so_is_what_its_connections_were_used_for() -> None:
    flows = SharedFlows()
    alias = flow(7)._replace(port=5061)
    flows.opened(2, [flow(7), alias])
    flows.opened(3, [flow(9, 6000)])
    flows.closed(2, flows.all_of(2))
    assert flows.find(alias._replace(connection=0)) is None
    assert flows.all_of(3) == [flow(9, 6000)]
