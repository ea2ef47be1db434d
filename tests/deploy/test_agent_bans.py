"""Role agent with a key from the vault, and with fail2ban, which bans by the firewall's own sets."""

from __future__ import annotations

import pytest

from tests.harness.box_ansible import INVENTORY, ansible
from tests.harness.box_snapshot import Deployments

pytestmark = pytest.mark.timeout(1800)

KEY = "/etc/sipbox/credentials/phones.key"


def test_a_key_from_the_vault_and_fail2ban(deployed: Deployments) -> None:
    with deployed("bookworm").boot() as box:
        key = "ab" * 32
        wrong = ansible(
            box, "playbooks/deploy.yml", "--tags=agent", inventory={**INVENTORY, "agent_phones_key": "x"}
        )
        assert wrong.returncode != 0
        assert "agent_phones_key is no key of 64 hexadecimal digits" in wrong.output
        mine = {**INVENTORY, "agent_phones_key": key, "agent_fail2ban": True}
        run = ansible(box, "playbooks/deploy.yml", "--tags=agent", "--diff", inventory=mine).check()
        assert key not in run.output
        assert box.host().file(KEY).content_string == f"{key}\n"
        assert ansible(box, "playbooks/deploy.yml", "--tags=agent", inventory=mine).check().changed == 0
        said = box.ssh("fail2ban-client status sipbox-phones").stdout
        assert "phone-denied" in said
        line = 'pbx sipbox[1]: 192.0.2.7 refused "wrong secret" mac=001565123456'
        told = box.ssh(f"fail2ban-regex --print-all-matched '{line}' sipbox-phones").stdout
        assert "1 matched" in told
        box.ssh("fail2ban-client set sipbox-phones banip 192.0.2.66")
        assert "192.0.2.66" in box.ssh("nft list set inet sipbox banned4").stdout

        off = {**mine, "agent_fail2ban": False}
        ansible(box, "playbooks/deploy.yml", "--tags=agent", inventory=off).check()
        assert "enabled  = false\n" in box.ssh("cat /etc/fail2ban/jail.d/sipbox-phones.conf").stdout
        assert ansible(box, "playbooks/deploy.yml", "--tags=agent", inventory=off).check().changed == 0
