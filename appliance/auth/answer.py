"""What a client says to a challenge (RFC 7616 §3.4): a proxy is one where a gateway asks for its password.

Pure text. Must not know whose password it is.
"""

from __future__ import annotations

from appliance.auth.digest import HASHES, ha1
from appliance.errors import MalformedMessage
from appliance.sip.grammar import parse_auth_params, quote


def realm_of(challenge: str) -> str | None:
    """The realm of a challenge that ``answer`` can answer, else None."""
    try:
        scheme, asked = parse_auth_params(challenge)
    except MalformedMessage:
        return None
    known = scheme.lower() == "digest" and asked.get("algorithm", "MD5").upper() in HASHES
    offered = [word.strip().lower() for word in asked.get("qop", "auth").split(",")]
    if not known or "nonce" not in asked or "auth" not in offered:
        return None
    return asked.get("realm")


def answer(challenge: str, username: str, password: str, method: str, uri: str, cnonce: str) -> str:
    """The value of Authorization or Proxy-Authorization for a challenge that has a ``realm_of``."""
    _, asked = parse_auth_params(challenge)
    algorithm, realm, nonce = asked.get("algorithm", "MD5"), asked["realm"], asked["nonce"]
    hashed = HASHES[algorithm.upper()]
    secret, request = ha1(username, realm, password, algorithm.upper()), hashed(f"{method}:{uri}")
    if "qop" in asked:
        more = f', qop=auth, nc=00000001, cnonce="{cnonce}"'
        response = hashed(f"{secret}:{nonce}:00000001:{cnonce}:auth:{request}")
    else:
        more, response = "", hashed(f"{secret}:{nonce}:{request}")
    if "algorithm" in asked:
        more += f", algorithm={algorithm}"
    if "opaque" in asked:
        more += f", opaque={quote(asked['opaque'])}"
    return (
        f"Digest username={quote(username)}, realm={quote(realm)}, nonce={quote(nonce)},"
        f' uri={quote(uri)}, response="{response}"{more}'
    )
