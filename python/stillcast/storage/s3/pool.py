"""The connections that are open to one store."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress

from stillcast.storage.s3.answer import Answer
from stillcast.storage.s3.connection import Connection, Route, UnansweredError
from stillcast.storage.s3.limits import Limits


class ConnectionPool:
    """Keeps as many idle connections as there are workers; any thread may call its methods.

    There are never more connections than threads in ``exchange`` and idle ones. No lock: a deque's ``append`` and
    ``pop`` are whole, and what one thread has popped no other one sees.
    """

    def __init__(self, route: Route, limits: Limits, *, size: int) -> None:
        self._route = route
        self._limits = limits
        self._size = size
        self._idle: deque[Connection] = deque()  # the last used is the next to be used
        self._closed = False

    def exchange(self, request: bytes, *, has_body: bool = True) -> Answer:
        """Send one request that may be sent twice, and read its answer, within the limits.

        ``has_body`` is False for the answer to ``HEAD``, which has the headers of a body and none.

        A connection that had been kept may have been closed by the server meanwhile, which nobody can know before
        using it: if it is, the request goes over a fresh one.

        Raises:
            UnansweredError: no answer came.
        """
        deadline = time.monotonic() + self._limits.whole_s
        if (kept := self._take()) is not None:
            try:
                return self._use(kept, request, deadline, has_body=has_body)
            except UnansweredError as error:
                if error.heard or error.code != "ConnectionClosedError":
                    raise
        fresh = Connection(self._route, self._limits, deadline=deadline)
        return self._use(fresh, request, deadline, has_body=has_body)

    def close_idle(self) -> None:
        """Close those that nobody has used for so long that they are not trusted any more."""
        oldest = time.monotonic() - self._limits.idle_s
        with suppress(IndexError):
            while self._idle[0].used_at < oldest:
                # A thread may have taken it meanwhile, and this is a younger one: no harm, it is idle too.
                self._idle.popleft().close()

    def close(self) -> None:
        """Close all idle ones, and each of the others after its exchange."""
        self._closed = True
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def forget(self) -> None:
        """Let go of what was inherited from a parent process."""
        for connection in self._idle:
            connection.forget()
        self._idle.clear()

    def _take(self) -> Connection | None:
        try:
            kept = self._idle.pop()
        except IndexError:
            return None
        if time.monotonic() - kept.used_at < self._limits.idle_s:
            return kept
        kept.close()  # the others are older still
        self.close_idle()
        return None

    def _use(self, connection: Connection, request: bytes, deadline: float, *, has_body: bool) -> Answer:
        try:
            answer = connection.exchange(request, deadline=deadline, has_body=has_body)
        except BaseException:
            connection.close()
            raise
        if answer.keeps and len(self._idle) < self._size:
            self._idle.append(connection)
        else:
            connection.close()
        if self._closed:  # looked at after it was kept: whoever closes the pool sees it, or we do
            self.close()
        return answer
