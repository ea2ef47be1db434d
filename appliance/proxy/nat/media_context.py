"""The response context of a request whose sound may be relayed: responses are rewritten before they go on.

It waits for rtpengine where the other one never waits; so a response may be overtaken by a CANCEL meanwhile,
which may happen on the wire as well. Where no media is relayed at all, there is none of these.
"""

from __future__ import annotations

from appliance.proxy.forking.client_branch import Branch
from appliance.proxy.forking.response_context import ResponseContext
from appliance.sip.message import Response


class MediaContext(ResponseContext):
    """A response context that has ``media`` among its surroundings."""

    __slots__ = ()

    def branch_answered(self, branch: Branch, response: Response, now: float) -> None:
        around = self._around
        media, transaction = around.media, branch.transaction
        wanted = response.body and (200 <= response.status < 300 or not self._done)
        if media is not None and transaction is not None and wanted and 100 < response.status < 300:
            media.answered(self._incoming, response, branch.target, transaction.hop.host)
            now = around.clock()
        super().branch_answered(branch, response, now)

    def _end(self, status: int, now: float) -> None:
        super()._end(status, now)
        media, request = self._around.media, self._incoming.request
        if media is not None and status >= 300 and self._invite and request.to_tag is None:
            media.failed(request)
