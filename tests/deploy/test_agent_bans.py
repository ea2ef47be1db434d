"""Role agent with a key from the vault, and with fail2ban, which bans by the firewall's own sets."""

from __future__ import annotations

import pytest

from tests.harness.box_ansible import INVENTORY, ansible
from tests.harness.box_snapshot import Deployments
from tests.harness.waiting import wait_until

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
        line = "pbx sipbox[1]: 192.0.2.8 banned for 300 s: guessing"
        told = box.ssh(f"fail2ban-regex --print-all-matched '{line}' sipbox-sip").stdout
        assert "1 matched" in told
        assert "source-banned" in box.ssh("fail2ban-client status sipbox-sip").stdout
        box.ssh("fail2ban-client set sipbox-phones banip 192.0.2.66")
        assert "192.0.2.66" in box.ssh("nft list set inet sipbox banned4").stdout

        # The server's own bans, told by the agent.
        box.ssh("sipbox ban add 192.0.2.77 --seconds 900")
        banned = "nft list set inet sipbox banned4"
        wait_until("the firewall knows", lambda: "192.0.2.77" in box.ssh(banned).stdout, timeout=30)
        box.ssh("systemctl restart sipbox-agent && sipbox ban lift 192.0.2.77")
        wait_until("it is lifted", lambda: "192.0.2.77" not in box.ssh(banned).stdout, timeout=30)
        assert "192.0.2.66" in box.ssh(banned).stdout  # others' bans are not ours to lift

        # A ban of the server's and one of fail2ban's: both are lifted by one word.
        box.ssh("sipbox ban add 192.0.2.88 --seconds 900 && fail2ban-client set sipbox-sip banip 192.0.2.88")
        jail = "fail2ban-client status sipbox-sip"
        assert "192.0.2.88" in box.ssh(jail).stdout
        box.ssh("sipbox ban lift 192.0.2.88")
        assert "192.0.2.88" not in box.ssh(jail).stdout
        wait_until("it is lifted", lambda: "192.0.2.88" not in box.ssh(banned).stdout, timeout=30)
        box.ssh("sipbox ban lift 192.0.2.66")
        assert "192.0.2.66" not in box.ssh(banned).stdout

        off = {**mine, "agent_fail2ban": False}
        ansible(box, "playbooks/deploy.yml", "--tags=agent", inventory=off).check()
        assert "enabled  = false\n" in box.ssh("cat /etc/fail2ban/jail.d/sipbox-sip.conf").stdout
        assert "enabled  = false\n" in box.ssh("cat /etc/fail2ban/jail.d/sipbox-phones.conf").stdout
        assert ansible(box, "playbooks/deploy.yml", "--tags=agent", inventory=off).check().changed == 0
