"""What a phone answers to a digest challenge (RFC 2617, RFC 7616), written for the tests alone."""

from __future__ import annotations

import hashlib
import re
import secrets


def challenge_of(value: str) -> dict[str, str]:
    """The parameters of a WWW-Authenticate or Proxy-Authenticate value, unquoted."""
    pairs = re.findall(r'(\w+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s,]+))', value.partition(" ")[2])
    return {name.lower(): quoted or bare for name, quoted, bare in pairs}


def _hash(algorithm: str, *parts: str) -> str:
    name = {"SHA-256": "sha256", "SHA-512-256": "sha512_256"}.get(algorithm.upper(), "md5")
    return hashlib.new(name, ":".join(parts).encode()).hexdigest()


def credentials(
    challenge: str,
    *,
    method: str,
    uri: str,
    username: str,
    password: str,
    nonce_count: int = 1,
    qop: bool | None = None,
) -> str:
    """What answers a digest challenge (RFC 2617 §3.2.2); ``qop`` None: as the challenge offers it."""
    given = challenge_of(challenge)
    algorithm = given.get("algorithm", "MD5")
    ha1 = _hash(algorithm, username, given["realm"], password)
    ha2 = _hash(algorithm, method, uri)
    offered = [choice.strip() for choice in given.get("qop", "").split(",") if choice.strip()]
    fields = [
        f'username="{username}"',
        f'realm="{given["realm"]}"',
        f'nonce="{given["nonce"]}"',
        f'uri="{uri}"',
    ]
    if "auth" in offered if qop is None else qop:
        cnonce, count = secrets.token_hex(8), f"{nonce_count:08x}"
        response = _hash(algorithm, ha1, given["nonce"], count, cnonce, "auth", ha2)
        fields += ["qop=auth", f"nc={count}", f'cnonce="{cnonce}"']
    else:
        response = _hash(algorithm, ha1, given["nonce"], ha2)
    fields += [f'response="{response}"', f"algorithm={algorithm}"]
    if "opaque" in given:
        fields.append(f'opaque="{given["opaque"]}"')
    return "Digest " + ", ".join(fields)
