"""Route headers (RFC 3261 §16.4, §16.6 step 6): our own ones are taken off, strict routers are put up with.

Functions on a request and on a question, ``is_me(uri)``: whether that address is this server. Each raises
MalformedMessage when a Route cannot be read. Must not know what a Route proves; that is ``record_route``'s.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.sip.headers import NameAddr
from appliance.sip.message import Request
from appliance.sip.uri import Uri

IsMe = Callable[[Uri], bool]


def strip_own_routes(request: Request, is_me: IsMe) -> list[Uri]:
    """Takes the topmost Route off when it is ours, and the next one when the two are a pair; returns them.

    A pair (``r2=on`` in both) is one visit here by two addresses of ours. Two Routes of ours that are no
    pair are two visits, and the second one stays for the second.
    """
    stripped: list[Uri] = []
    while len(stripped) < 2 and request.has("route"):
        items = request.items("route")
        if not items:
            break
        route = NameAddr.parse(items[0]).uri
        if not is_me(route) or (stripped and not (stripped[0].has_param("r2") and route.has_param("r2"))):
            break
        request.remove_first_item("route")
        stripped.append(route)
    return stripped


def repair_strict_route(request: Request, is_me: IsMe) -> bool:
    """Undoes what a strict router did (§16.4): it put our Record-Route into the Request-URI. True if so.

    The Request-URI is the last Route again, and our URI is back where a loose router leaves it, on top of
    the Routes: what it proves is not lost. A Request-URI with a user is no Record-Route, but somebody.
    """
    if not request.has("route"):
        return False
    uri = request.uri
    if uri.user is not None or not uri.has_param("lr") or not is_me(uri):
        return False
    routes = request.items("route")
    if not routes:
        return False
    request.uri_text = NameAddr.parse(routes[-1]).uri_text
    _set_routes(request, [f"<{uri}>", *routes[:-1]])
    return True


def yield_to_strict_router(request: Request) -> bool:
    """Prepares the request for a next hop that is a strict router (§16.6 step 6); True when it is one.

    Its Route has no ``lr``: it wants to be the Request-URI, and the Request-URI goes to the end of the
    Routes.
    """
    if not request.has("route"):
        return False
    routes = request.items("route")
    if not routes:
        return False
    first = NameAddr.parse(routes[0])
    if first.uri.has_param("lr"):
        return False
    _set_routes(request, [*routes[1:], f"<{request.uri_text}>"])
    request.uri_text = first.uri_text
    return True


def _set_routes(request: Request, routes: list[str]) -> None:
    request.remove("route")
    for route in reversed(routes):
        request.prepend("Route", route)
