"""The response context of one forwarded request: its branches, and what becomes of their responses (RFC 3261
§16.7).

Parallel and serial forking, the best response, CANCEL of the rest. Must not know where targets come from, nor
any socket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from appliance.proxy.forking import next_flow
from appliance.proxy.forking.best_response import Final, best, gather_challenges
from appliance.proxy.forking.client_branch import Branch
from appliance.proxy.forking.lost_connection import await_return
from appliance.proxy.forking.ring_time import RingTime
from appliance.proxy.forking.surroundings import Surroundings
from appliance.proxy.forking.unfinished import (
    Unfinished,
    bytes_of,
    lasting,
    lasting_forwarded,
    lasting_target,
    text_of,
)
from appliance.proxy.incoming import Incoming
from appliance.proxy.locating import Unroutable
from appliance.proxy.preferences.forwarded import Forwarded
from appliance.proxy.replies import Answer
from appliance.proxy.target import Target
from appliance.proxy.targets import in_groups, numbered
from appliance.sip.hop import Hop
from appliance.sip.message import Response
from appliance.sip.parser import parse
from appliance.sip.reply import REASONS
from appliance.sip.uri import AddressOfRecord
from appliance.transaction.table import BranchInUse, InviteClientTransaction, ServerTransaction


class ResponseContext:
    """One request, from its first branch to its final response.

    ``on_final(status)`` is called once, with the status that went upstream.
    """

    __slots__ = (
        "_around", "_branches", "_breadth", "_cancelled", "_done", "_groups", "_incoming", "_invite",
        "_on_final", "_ring_time", "_server", "_spent",
    )  # fmt: skip

    def __init__(self, incoming: Incoming, around: Surroundings, on_final: Callable[[int], None]) -> None:
        self._incoming = incoming
        self._server: ServerTransaction = incoming.admit()
        self._server.user = self
        self._around = around
        self._on_final = on_final
        self._invite = incoming.request.method == "INVITE"
        self._groups: list[list[Target]] = []
        self._branches: list[Branch] = []
        self._breadth: int | None = None
        self._ring_time: RingTime | None = None
        self._spent: tuple[int, ...] = ()  # numbers of copies that others have replaced
        self._done = False
        self._cancelled = False

    # -- the way down: targets become branches ---------------------------------------------------------------

    def start(self, groups: list[list[Target]]) -> None:
        """Sends the request to the first group; later ones follow when all branches of one have failed."""
        self._groups = groups
        if sum(map(len, groups)) > 1:
            self._breadth = self._around.forwarder.breadth_of(self._incoming.request)
            if self._breadth < 1:
                self._finish(self._around.answers.replies.breadth, self._around.clock())
                return
            self._groups = [
                group[first : first + self._breadth]
                for group in groups
                for first in range(0, len(group), self._breadth)
            ]
        self._start_group()
        if self._invite and not self._server.last_status:
            self._incoming.reply(self._around.answers.replies.trying)

    def _start_group(self) -> None:
        if not self._groups:  # given up since then
            self._group_ended(self._around.clock())
            return
        group = self._groups.pop(0)
        if self._branches and self._incoming.watched:
            self._incoming.explain(f"Now tried: {', '.join(target.uri for target in group)}")
        taken = [*(branch.number for branch in self._branches), *self._spent]
        branches = [Branch(self, target, number) for number, target in numbered(group, taken)]
        self._branches += branches
        share = None if self._breadth is None else max(1, self._breadth // len(group))
        for branch in branches:
            if len(branches) > 1 and self._around.forwarder.may_wait(branch.target):
                self._around.defer(self.send, branch, share)
            else:
                self.send(branch, share)
        if self._invite and not self._done:
            self._ring(self._around.clock())
            self._await_gateway(branches[0])

    def _await_gateway(self, branch: Branch) -> None:
        """A gateway that says nothing at all is given up for the next one."""
        failover = self._around.failover
        if failover is not None and branch.target.gateway and self._groups:
            self._await(branch, failover.patience)

    def _await(self, branch: Branch, patience: float) -> None:
        """Whoever says nothing at all for so long is given up, if there is another one to try."""
        around = self._around
        around.transactions.wheel.schedule(around.clock() + patience, partial(self._silent, branch))

    def _silent(self, branch: Branch, now: float) -> None:
        target = branch.target
        another = branch.servers or target.flows or (target.gateway and self._groups)
        if another and branch.final is None and not branch.proceeding and not self._done:
            self.branch_ended(branch, Final(408, None), now)
            self._cancel(branch, now)

    def send(self, branch: Branch, share: int | None) -> None:
        """Sends the copy, with ``share`` of the Max-Breadth; may block."""
        around = self._around
        try:
            outgoing = around.forwarder.prepare(
                self._incoming, branch.target, branch.number, share, branch.servers
            )
            if self._done or branch.final is not None:  # while a name was looked up or a connection opened
                return
            request = outgoing.request
            if branch.asked is not None and around.login is not None:
                around.login.answer(branch.asked, request)
            branch.transaction = around.transactions.begin_client(
                request, request.encode(), outgoing.hop, branch, around.clock()
            )
        except Unroutable as obstacle:
            if branch.target.flows:
                self.branch_ended(branch, Final(480, None), around.clock())
                return
            lost = branch.target.aor is not None and branch.target.hop is not None and obstacle.status != 403
            if lost and self._invite:
                await_return(around, self, branch, share)
            else:
                self.branch_ended(branch, Final(obstacle.status, None), around.clock())
        except BranchInUse:
            # Our branch follows from the sender's: he has used his for another request a moment ago.
            self.branch_ended(branch, Final(482, None), around.clock())
        except Exception:
            # Whatever it is, it is told elsewhere; the caller must not wait for this branch for ever.
            self.branch_ended(branch, Final(500, None), around.clock())
            raise
        else:
            around.metrics.requests_forwarded[request.method, outgoing.hop.transport] += 1
            branch.servers = outgoing.others
            if outgoing.others:
                self._await(branch, around.server_patience)
            if branch.target.flows and self._invite:
                self._await(branch, around.flow_patience_seconds)

    def _begins_next_flow(self, branch: Branch, final: Final) -> bool:
        """Whether another flow of the same phone follows, when this one has failed."""
        if self._done or self._cancelled or not next_flow.has_failed(branch, final):
            return False
        again = self._replaced(branch, final)
        self._around.defer(next_flow.try_next, self._around, self, again, final)
        return True

    def tried(self) -> set[Hop | None]:
        """Where a copy went, or will go."""
        tried = {branch.target.hop for branch in self._branches}
        tried.update(target.hop for group in self._groups for target in group)
        return tried

    # -- over a restart --------------------------------------------------------------------------------------

    @property
    def unfinished(self) -> bool:
        """Whether somebody waits still: the caller for an answer, or a phone for a CANCEL or an ACK."""
        return not self._done or any(branch.lingers for branch in self._branches)

    @property
    def done(self) -> bool:
        """Whether the request has its final response."""
        return self._done

    def remains(self, now: float) -> Unfinished:
        """All that another process has to know to go on."""
        incoming, server, ring_time = self._incoming, self._server, self._ring_time
        uri, routes = incoming.came_as
        return Unfinished(
            request=text_of(incoming.request.encode()),
            hop=lasting(incoming.hop),
            came_as=(uri, None if routes is None else list(routes)),
            age=now - incoming.now,
            server=server.remains(now),
            last_status=server.last_status,
            response=text_of(server.response),
            account=incoming.account if incoming.payer is None else str(incoming.payer),
            outside=incoming.outside,
            forwarded=lasting_forwarded(incoming.forwarded),
            nated=incoming.nated,
            peer_nated=incoming.peer_nated,
            marks=incoming.marks,
            groups=[[lasting_target(target) for target in group] for group in self._groups],
            branches=[branch.remains(now) for branch in self._branches],
            breadth=self._breadth,
            cancelled=self._cancelled,
            done=self._done,
            ring_left=(0.0 if ring_time is None else ring_time.until) - now,
            timer_c_left=(0.0 if ring_time is None else ring_time.timer_c_until) - now,
        )

    def go_on(self, record: Unfinished, then: float, soon: float) -> None:
        """Goes on from where another process stopped at ``then``; nobody's time is over before ``soon``.
        ValueError or SipError when the record is none."""
        self._groups, self._breadth = record.groups, record.breadth
        self._cancelled, self._done = record.cancelled, record.done
        for each in record.branches:
            branch = Branch(self, each.target, each.number)
            branch.proceeding = each.proceeding
            branch.servers = tuple(each.servers)
            if each.final is not None:
                status, answer = each.final
                response = None if answer is None else parse(bytes_of(answer))
                branch.final = Final(status, response if isinstance(response, Response) else None)
            self._branches.append(branch)
        if self._invite and not self._done:
            until, timer_c_until = max(then + record.ring_left, soon), max(then + record.timer_c_left, soon)
            self._ring_time = RingTime(self._around.transactions.wheel, until, timer_c_until, self._no_answer)
        share = None if self._breadth is None else max(1, self._breadth // max(1, len(self._branches)))
        for branch, each in zip(self._branches, record.branches, strict=True):
            if each.sent is not None:
                branch.go_on(each.sent, self._around.transactions, then, soon)
            elif branch.final is None:  # a name was being looked up for it, or its phone was away
                self._around.defer(self.send, branch, share)
            if branch.final is None:
                self._await_gateway(branch)
        self._group_ended(self._around.clock())

    # -- the way back: responses of the branches -------------------------------------------------------------

    def branch_answered(self, branch: Branch, response: Response, now: float) -> None:
        status = response.status
        if status < 200:
            branch.proceeding = True
            if status == 100 or self._done:
                return
        response.remove_first_item("via")
        nat = self._around.nat
        if nat is not None and branch.transaction is not None:
            target = branch.target
            direct = target.path is None and not self._incoming.request.has("route")
            nat.fix_reply(response, branch.transaction.hop, nated=target.nated, direct=direct)
        if branch.transaction is not None:
            insider = self._incoming.peer is not None
            self._around.privacy.answered(response, branch.transaction.hop.host, to_insider=insider)
        guard = self._around.guard
        if guard is not None and branch.target.gateway and branch.transaction is not None and status < 300:
            guard.answered_by(branch.transaction.hop.host, response)
        if not response.has("via"):
            # It says that it was meant for us, who asked nothing (§16.7 step 3): upstream it has no way.
            if status >= 200:
                self.branch_ended(branch, Final(502, None), now)
        elif status < 200:
            if self._ring_time is not None:
                self._ring_time.timer_c_until = now + self._around.timer_c_seconds
            self._forward(response, now)
        elif status < 300:
            self._success(branch, response, now)
        elif status in (401, 407):
            self._challenged(branch, response, now)
        elif status == 430 and branch.target.aor is not None:
            self.branch_ended(branch, Final(480, None), now)  # an edge proxy has lost the phone's flow
        else:
            self.branch_ended(branch, Final(status, response), now)

    def _is_of_a_gateway(self, branch: Branch) -> bool:
        guard, transaction = self._around.guard, branch.transaction
        return guard is not None and transaction is not None and guard.is_gateway(transaction.hop.host)

    def _challenged(self, branch: Branch, response: Response, now: float) -> None:
        """Somebody wants a password of the caller: he hears of it if it may be asked for (``challenges``)."""
        if self._is_of_a_gateway(branch):
            self._log_in(branch, response, now)
        elif self._around.challenges.may_pass(response, self._incoming.request, branch.target):
            self.branch_ended(branch, Final(response.status, response), now)
        else:
            self.branch_ended(branch, Final(403, None), now)

    def _log_in(self, branch: Branch, response: Response, now: float) -> None:
        """A gateway wants a password: ours, once; the caller never hears of it (``gateway_login``)."""
        login = self._around.login
        asked = None if login is None or branch.asked is not None else login.asked(response)
        if asked is None or self._done or self._cancelled or branch.final is not None:
            self.branch_ended(branch, Final(403, None), now)
            return
        again = self._replaced(branch, Final(response.status, None))
        again.asked = asked
        self._around.defer(self.send, again, None)

    def _replaced(self, branch: Branch, final: Final) -> Branch:
        """Another copy to the same target, in place of one that ended so and counts no more."""
        self._spent += (branch.number,)
        taken = [*(each.number for each in self._branches), *self._spent]
        number, target = next(numbered([branch.target], taken))
        again = Branch(self, target, number)
        branch.final = final
        self._branches[self._branches.index(branch)] = again
        return again

    def _success(self, branch: Branch, response: Response, now: float) -> None:
        if branch.final is None:
            branch.final = Final(response.status, response)
        if self._done and not self._invite:
            return  # only one final response to a request that is no INVITE (§17.2.2)
        first = not self._done
        if not first and self._server.last_status >= 300:
            # It was answered in the very moment that we gave up: the caller must know, or the callee talks to
            # nobody.
            try:
                self._around.send(response.encode(), self._server.hop)
            except OSError:
                return  # the caller has gone altogether
            self._incoming.answered_after_all(response.status, response.reason, response.to_tag or "")
            return
        self._forward(response, now)
        if first:
            self._incoming.decided(response.status, response.reason, response.to_tag or "")
            self._end(response.status, now)

    def branch_ended(self, branch: Branch, final: Final, now: float) -> None:
        """A branch has no 2xx to give: its final response, or the status that stands for its silence."""
        if branch.final is not None or (branch.target.flows and self._begins_next_flow(branch, final)):
            return
        if final.response is None and final.status != 487:
            self._note_silence(branch)
        if branch.servers and self._goes_over(branch, final):
            return
        branch.final = final
        if self._incoming.watched and (len(self._branches) > 1 or self._groups):
            self._incoming.explain(f"{final.status} from {branch.target.uri}: the best of all answers counts")
        if final.status >= 600:
            self._give_up(now)
        elif branch.target.gateway:
            self._gateway_ended(branch, final, now)
        self._group_ended(now)

    def _goes_over(self, branch: Branch, final: Final) -> bool:
        """Whether the next server of the same domain is tried: after one that cannot be reached, is silent or
        says 503, by a copy of its own (RFC 3263 §4.3)."""
        transaction = branch.transaction
        if transaction is None or self._done or self._cancelled:
            return False
        if final.response is None:
            if branch.proceeding or final.status == 487:
                return False
            why = "silent" if final.status == 408 else "unreachable"
        elif final.status == 503:
            self._around.failed_destinations.failed(transaction.hop)
            why = "unavailable"
        else:
            return False
        self._around.metrics.next_servers[why] += 1
        if self._incoming.watched:
            self._incoming.explain(f"{transaction.hop} is {why}: the next server is tried", "red")
        again = self._replaced(branch, final)
        again.servers = branch.servers
        share = None if self._breadth is None else max(1, self._breadth // len(self._branches))
        self._around.defer(self.send, again, share)
        return True

    def _note_silence(self, branch: Branch) -> None:
        """Nobody has answered at an address that a name led to: its others come first for a while."""
        target, transaction = branch.target, branch.transaction
        if transaction is None or branch.proceeding or target.hop is not None or target.aor is not None:
            return
        if not target.gateway and not target.looped:
            self._around.failed_destinations.failed(transaction.hop)

    def _gateway_ended(self, branch: Branch, final: Final, now: float) -> None:
        """The next gateway is tried after one that has failed, not after a callee who is busy."""
        failover = self._around.failover
        if failover is None or not failover.has_failed(final, rang=branch.proceeding):
            self._groups.clear()
        elif not self._cancelled:
            failover.failed(branch.target.gateway, now)

    def _group_ended(self, now: float) -> None:
        if self._done or any(branch.final is None for branch in self._branches):
            return
        if self._groups:
            self._around.defer(self._start_group)
            return
        if self._incoming.forwarded is not None and self._begins_failure_route():
            return
        finals = [branch.final for branch in self._branches if branch.final is not None]
        if self._cancelled and not any(final.status >= 600 for final in finals):
            finals = [final for final in finals if final.status == 487] or [Final(487, None)]
        self._answer(best(finals), finals, now)

    def _begins_failure_route(self) -> bool:
        """Whether something follows that the callee wants to follow: it may block, so it comes soon."""
        forwarded = self._incoming.forwarded
        if forwarded is None or forwarded.callee is None or self._cancelled or not self._invite:
            return False
        callee, forwarded.callee = forwarded.callee, None
        # What became of his phones, not of those that it was forwarded from.
        finals = [
            branch.final
            for branch in self._branches
            if branch.final is not None and branch.target.aor == callee
        ]
        if not finals or forwarded.failure_route is None:
            return False
        if self._ring_time is not None:
            self._ring_time.stop()
            self._ring_time = None
        self._around.defer(self._failure_route, forwarded, callee, best(finals))
        return True

    def _failure_route(self, forwarded: Forwarded, callee: AddressOfRecord, final: Final) -> None:
        """The request goes where the callee has it forwarded to, or has its final response."""
        targets: Sequence[Target] = ()
        if forwarded.failure_route is not None and not self._done:
            forwarded.callee = callee
            try:
                targets = forwarded.failure_route(self._incoming, final.status, final.response is not None)
            except Exception:
                # Whatever it is, it is told elsewhere; the caller must not wait for ever.
                forwarded.callee = None
                self._group_ended(self._around.clock())
                raise
        if self._done:  # given up meanwhile
            return
        if self._server.last_status >= 200:  # it was refused there
            self._end(self._server.last_status, self._around.clock())
        elif targets:
            self.start(in_groups(targets, self._around.max_branches))
        else:
            forwarded.callee = None
            self._group_ended(self._around.clock())

    def _answer(self, final: Final, finals: list[Final], now: float) -> None:
        status, response = final
        if status == 408 and not self._invite:
            # Too late to be of use, and the client takes it for a broken server (RFC 4320 §4.2).
            self._incoming.decided(status, REASONS[status], "")
            self._end(status, now)
        elif response is None:
            self._finish(Answer(status, REASONS[status]), now)
        elif status == 503:
            # A 503 would tell the client that this proxy is overloaded (§16.7 step 6).
            self._finish(Answer(500, "Server Internal Error"), now)
        else:
            if status in (401, 407):
                gather_challenges(response, finals)
            self._forward(response, now)
            self._incoming.decided(status, response.reason, response.to_tag or "")
            self._end(status, now)

    # -- the upstream side -----------------------------------------------------------------------------------

    def _forward(self, response: Response, now: float) -> None:
        status = response.status
        metrics, method = self._around.metrics, self._incoming.request.method
        metrics.responses_sent[method, status] += 1
        metrics.responses_forwarded[method, status] += 1
        if self._invite and 100 < status < 200 and self._server.last_status <= 100:
            metrics.call_ringing_seconds.observe(now - self._incoming.now)
        self._server.respond(status, response.encode(), now)

    def _finish(self, answer: Answer, now: float) -> None:
        self._incoming.reply(answer)
        self._end(answer.status, now)

    def _end(self, status: int, now: float) -> None:
        self._done = True
        self._groups.clear()
        if self._ring_time is not None:
            self._ring_time.stop()
            self._ring_time = None
        self._cancel_pending(now)
        self._on_final(status)

    # -- CANCEL and silence ----------------------------------------------------------------------------------

    def on_cancel(self, transaction: ServerTransaction, now: float) -> None:
        """The caller has given up: so do the branches, and their 487 is what it gets (§9.2, §16.10)."""
        self._cancelled = True
        self._give_up(now)
        self._group_ended(now)

    def on_terminated(self, transaction: ServerTransaction, now: float) -> None:
        """Nothing is kept beyond the last transaction."""
        self.branch_over()

    def branch_over(self) -> None:
        """When no transaction is left, nothing more can come: the branches, which know the context, are let
        go. Else they and it would hold one another until the collector of cycles comes, which is seldom."""
        if self._done and not self._server.shelved:
            for branch in self._branches:
                transaction = branch.transaction
                if transaction is not None and transaction.shelved:
                    return
            self._branches = []

    def _give_up(self, now: float) -> None:
        """No more phones are tried, and those that ring are told so (§9.2, §16.7 step 5)."""
        self._groups.clear()
        self._cancel_pending(now)
        for branch in self._branches:
            # A phone that has not even said that it tries is not waited for: it may be switched off.
            if branch.final is None and not branch.proceeding:
                branch.final = Final(487, None)

    def _cancel_pending(self, now: float) -> None:
        if self._invite:
            for branch in self._branches:
                if branch.final is None:
                    self._cancel(branch, now)

    def _cancel(self, branch: Branch, now: float) -> None:
        transaction = branch.transaction
        if isinstance(transaction, InviteClientTransaction):
            self._around.metrics.requests_forwarded["CANCEL", transaction.hop.transport] += 1
            self._around.transactions.cancel(transaction, now)

    def _ring(self, now: float) -> None:
        """The group that has just begun has its own time to ring."""
        around = self._around
        if self._ring_time is not None:
            self._ring_time.stop()
        forwarded = self._incoming.forwarded
        own = 0.0 if forwarded is None else forwarded.ring_seconds
        ring_seconds = own or around.ring_seconds
        self._ring_time = RingTime(
            around.transactions.wheel,
            now + ring_seconds,
            now + around.timer_c_seconds,
            self._no_answer,
        )

    def _no_answer(self, now: float) -> None:
        waiting = [branch for branch in self._branches if branch.final is None]
        self._incoming.explain("Nobody has answered in time", "red")
        if any(branch.target.gateway and branch.proceeding for branch in waiting):
            self._groups.clear()  # it is the callee who does not answer, by whichever gateway
        for branch in waiting:
            branch.final = Final(408, None)
        for branch in waiting:
            self._cancel(branch, now)
        self._group_ended(now)
