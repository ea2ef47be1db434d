"""The boxes of one telephone system, as this one knows them, and whether it may hold their address."""

from __future__ import annotations

from typing import Any

from appliance.operations.box import Box


class Cluster:
    """What keepalived's check asks."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def fitness(self) -> dict[str, str]:
        """Why this box must not hold the shared address, and why another one should; "" for no reason."""
        must_not, better_not = self._box.fitness()
        return {"must_not": must_not, "better_not": better_not}


def problems_of(cluster: dict[str, Any]) -> list[dict[str, str]]:
    """All that is wrong between the boxes, in the form of ``sipbox status``."""
    return [*urgent_of(cluster), *_absent(cluster), *_unlike(cluster)] if cluster else []


def urgent_of(cluster: dict[str, Any]) -> list[dict[str, str]]:
    """What phones notice. The rest is usual while boxes are deployed one after the other."""
    if not cluster or not cluster["shared_address"]:
        return []
    holders, shared = cluster["holders"], cluster["shared_address"]
    if len(holders) > 1:
        return [
            {
                "what": f"Split brain: {' and '.join(holders)} hold {shared} at once.",
                "todo": "See that VRRP (IP protocol 112) passes between them: journalctl -u keepalived.",
            }
        ]
    if not holders and all(member["state"] in ("this", "alive") for member in cluster["members"]):
        return [
            {
                "what": f"No box holds {shared}: no phone can reach it.",
                "todo": "See that keepalived runs on all of them: systemctl status keepalived.",
            }
        ]
    return []


def _absent(cluster: dict[str, Any]) -> list[dict[str, str]]:
    never = [member["name"] for member in cluster["members"] if member["state"] == "never"]
    if not never:
        return []
    return [
        {
            "what": f"Nothing was heard of {', '.join(never)} since the start.",
            "todo": "See that it runs, and that all have the same cluster key: docs/cluster.md.",
        }
    ]


def _unlike(cluster: dict[str, Any]) -> list[dict[str, str]]:
    found = []
    for what in cluster["differences"]:
        told = ", ".join(f"{each['name']} {each[what]}" for each in cluster["members"] if what in each)
        found.append({"what": f"The boxes have not the same {what}: {told}.", "todo": _ALIKE[what]})
    return found


_ALIKE = {
    "version": "Run ansible-playbook playbooks/upgrade.yml to its end.",
    "settings": "Run ansible-playbook site.yml for all of them; 'sipbox config show' tells them apart.",
}
