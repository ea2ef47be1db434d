"""Which digest algorithms are asked for, and in which order (RFC 8760 §2.4).

A challenge has a header for each, the best first, and a client takes the first one that it knows. Everybody
is asked alike, because nobody may learn from a challenge who is one of our users, nor which hashes his row
has. Whoever answers by an algorithm and is not believed is asked again for those behind it: so a user whose
row has no hash for the first one gets in by the next, and what he is asked then follows from his own answer
alone. After the last one all of them are asked for again. Must not know requests or rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

_SESSION = "-SESS"


class Offers:
    """``algorithms`` are names of RFC 8760, the best first."""

    def __init__(self, algorithms: Sequence[str] = ("MD5",)) -> None:
        if not algorithms:
            raise ValueError("somebody has to be asked for something")
        self.all = tuple(algorithms)
        # What a client may answer by; the variants for a session are nobody's to ask for, and as good.
        self.accepted = frozenset([*algorithms, *(name + _SESSION for name in algorithms)])

    def behind(self, algorithm: str) -> tuple[str, ...]:
        """What is asked for after an answer by ``algorithm`` that was not believed; empty: all, from the
        start."""
        offered = self.all
        if len(offered) == 1:
            return ()
        algorithm = algorithm.removesuffix(_SESSION)
        return offered[offered.index(algorithm) + 1 :] if algorithm in offered else ()

    def among(self, algorithms: Collection[str]) -> tuple[str, ...]:
        """Those of ``algorithms`` that are asked for, in our order: for a user who has proved who he is."""
        return tuple(name for name in self.all if name in algorithms)
