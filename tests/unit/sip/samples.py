"""Messages that several tests begin with: as phones write them, line by line."""

from __future__ import annotations


def wire(text: str, body: bytes = b"") -> bytes:
    """The lines of ``text`` as they go over the wire, with an empty line and the body behind them."""
    lines = text.replace("\r\n", "\n").strip("\n").split("\n")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    b"m=audio 5004 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)

REGISTER = wire("""
REGISTER sip:192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKa468c8b72fe7a3a7;rport
From: <sip:10@192.0.2.1>;tag=20321951e0685e4d
To: <sip:10@192.0.2.1>
Contact: <sip:10@192.0.2.10:5060>;q=0.5
Authorization: Digest username="10", realm="192.0.2.1", algorithm=MD5, uri="sip:192.0.2.1", \
nonce="462791f06aa9b37a34fd11b1adc58c5a9df7c95b", response="be9e8d46b8dcd522f22301e1f2b3287c", \
qop=auth, nc=00000001, cnonce="0a4f113b"
Call-ID: 33706713ea3b83fd@192.0.2.10
CSeq: 101 REGISTER
Expires: 150
User-Agent: Grandstream BT110 1.0.8.33
Max-Forwards: 70
Content-Length: 0
""")

INVITE = wire(
    f"""
INVITE sip:11@192.0.2.1 SIP/2.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKff1baf3cb8b845a2;rport
From: "Ten" <sip:10@192.0.2.1>;tag=219e32bf2a2ec6f1
To: <sip:11@192.0.2.1>
Contact: <sip:10@192.0.2.10:5060;transport=udp>
Supported: replaces, timer
Call-ID: 3357af1c8ac608cb@192.0.2.10
CSeq: 100 INVITE
User-Agent: Grandstream BT110 1.0.8.33
Max-Forwards: 70
Allow: INVITE,ACK,CANCEL,BYE,NOTIFY,REFER,OPTIONS,INFO,SUBSCRIBE
Content-Type: application/sdp
Content-Length: {len(SDP)}
""",
    SDP,
)

RINGING = wire("""
SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKc696.fa286516.0
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKff1baf3cb8b845a2;rport=5060;received=192.0.2.10
Record-Route: <sip:192.0.2.1;lr=on>
From: "Ten" <sip:10@192.0.2.1>;tag=219e32bf2a2ec6f1
To: <sip:11@192.0.2.1>;tag=a6c85cf
Call-ID: 3357af1c8ac608cb@192.0.2.10
CSeq: 100 INVITE
Contact: <sip:11@192.0.2.11>
Content-Length: 0
""")
