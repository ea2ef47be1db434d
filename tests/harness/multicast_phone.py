"""A new phone that asks the network where its configuration is (SIP PnP): a program to run where it is.

``python multicast_phone.py ADDRESS MAC MODEL TIMES`` prints the URL that it hears, or nothing when nobody
answers. It sends SUBSCRIBE to the group, and takes the NOTIFY that comes back. Nothing here is the server's
own code.
"""

from __future__ import annotations

import socket
import sys

GROUP = ("224.0.1.75", 5060)
SECONDS = 2.0


def subscribe(address: str, mac: str, model: str, number: int) -> bytes:
    """The request; ``number`` makes each of them another one."""
    who = f"<sip:MAC{mac}@{GROUP[0]}>"
    event = f'ua-profile;profile-type="device";vendor="Yealink";model="{model}";version="66.85.0.5"'
    return lines(
        f"SUBSCRIBE sip:MAC{mac}@{GROUP[0]} SIP/2.0",
        f"Via: SIP/2.0/UDP {address}:5060;branch=z9hG4bK{mac}{number}",
        "Max-Forwards: 20",
        f"From: {who};tag=1",
        f"To: {who}",
        f"Call-ID: {mac}{number}",
        "CSeq: 1 SUBSCRIBE",
        f"Contact: <sip:{address}:5060>",
        f"Event: {event}",
        "Expires: 0",
        "Content-Length: 0",
    )


def lines(*of: str) -> bytes:
    return ("\r\n".join(of) + "\r\n\r\n").encode()


def heard(phone: socket.socket) -> str:
    """The body of the NOTIFY that comes, which is answered; "" when none comes in time."""
    while True:
        try:
            data, source = phone.recvfrom(65_535)
        except TimeoutError:
            return ""
        head, _, body = data.decode().partition("\r\n\r\n")
        first, *headers = head.split("\r\n")
        if first.startswith("NOTIFY "):
            same = [
                line for line in headers if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))
            ]
            phone.sendto(lines("SIP/2.0 200 OK", *same, "Content-Length: 0"), source)
            return body.strip()


def main(address: str, mac: str, model: str, times: str) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as phone:
        phone.bind((address, 5060))
        phone.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        phone.settimeout(SECONDS)
        for number in range(int(times)):
            phone.sendto(subscribe(address, mac, model, number), GROUP)
            if url := heard(phone):
                sys.stdout.write(url)
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
