"""Other boxes: ``[replication]`` and ``[cluster]``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from appliance.config.sections.section import Section


class ReplicationSettings(Section, frozen=True, kw_only=True):
    """``[replication]``: neighbour nodes that know of one another's registrations. Off without any."""

    group: str = ""  # multicast group of IPv4
    peers: tuple[str, ...] = ()  # ADDRESS:PORT of neighbours that no multicast reaches
    port: Annotated[int, Meta(ge=1, le=65535)] = 5065
    interface: str = ""  # our address between the nodes
    key_file: str = ""  # what all nodes sign with
    node: str = ""  # our name among them; "": the host's
    sip: str = ""  # ADDRESS:PORT where neighbours send calls for our phones; "": the first UDP listener
    ttl: Annotated[int, Meta(ge=1, le=255)] = 1
    window_seconds: Annotated[int, Meta(ge=5, le=300)] = 30  # so far a packet's time may be off ours
    shared_database: bool = False  # all nodes have one database

    @property
    def enabled(self) -> bool:
        """Whether there may be neighbours."""
        return bool(self.group or self.peers)


class ClusterSettings(Section, frozen=True, kw_only=True):
    """``[cluster]``: boxes that are one telephone system. Off without a key."""

    key_file: str = ""  # the secret that all of them have: everything signed goes back to it
    shared_address: str = ""  # the one that they hold in turn, with a prefix or without; "": none
    members: tuple[str, ...] = ()  # NAME=ADDRESS of each box, this one among them

    @property
    def shared_host(self) -> str:
        """The shared address alone, as listeners have it; "" without one."""
        return self.shared_address.partition("/")[0]

    @property
    def addresses(self) -> dict[str, str]:
        """The members' addresses by their names."""
        return dict(text.split("=", 1) for text in self.members)
