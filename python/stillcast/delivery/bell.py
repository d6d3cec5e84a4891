"""Wakes the event loop from any thread."""

from __future__ import annotations

import asyncio
import threading


class Bell:
    """An event that any thread may set; many rings before it is heard cost the loop one call.

    A ring is never lost: whoever changes something rings afterwards, and whoever listens looks again afterwards.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()  # guards the three below
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread: int | None = None
        self._rung = False
        self._event = asyncio.Event()

    def bind(self) -> None:
        """Begin to work; on the loop's thread."""
        with self._mutex:
            self._loop = asyncio.get_running_loop()
            self._loop_thread = threading.get_ident()
            if self._rung:
                self._event.set()

    def ring(self) -> None:
        """Wake the listener; any thread, never blocks, harmless before the loop runs and after it ended."""
        with self._mutex:
            loop, rung = self._loop, self._rung
            self._rung = True
        if loop is None or rung:
            return
        if self._loop_thread == threading.get_ident():
            self._event.set()  # the loop is awake: a write to its pipe would be for nothing
            return
        try:
            loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            return  # the loop has ended: nobody listens any more

    async def listen(self, timeout_s: float | None) -> None:  # running out of time is no error here
        """Wait for a ring, at most ``timeout_s`` seconds of the loop's clock; None waits for ever."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            pass
        # This order: a ring in between schedules another set, which then runs after the clear.
        with self._mutex:
            self._rung = False
        self._event.clear()
