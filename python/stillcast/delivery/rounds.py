"""What no event tells of, and so comes back every second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from stillcast.delivery.lanes import Lanes
from stillcast.delivery.model import Store
from stillcast.errors import SpoolError
from stillcast.spool import Spool
from stillcast.workers import WorkerPool

ROUND_S: Final = 1.0
COUNTING_ROUND_S: Final = 0.25


class Rounds:
    """Tends the store; tidies the spool, does the chores and has the lanes look at the disk again.

    Two rounds that do not wait for each other: a long look through the spool must not delay the end of an upload that
    is beyond its deadline.
    """

    def __init__(
        self, spool: Spool, store: Store, lanes: Lanes, *, chores: Sequence[Callable[[], None]], workers: WorkerPool
    ) -> None:
        """Describe the rounds; the two ``run_`` methods work until cancelled.

        Args:
            spool: is tidied; while it still counts, rounds come more often.
            store: is tended.
            lanes: look again after each round.
            chores: blocking functions; what they raise is logged, and they are called again.
            workers: threads for all of it.
        """
        self._spool = spool
        self._store = store
        self._lanes = lanes
        self._chores = chores
        self._workers = workers

    async def run_store(self) -> None:
        """Tend the store about once a second."""
        while True:
            await self._do("storage", self._store.tend)
            await asyncio.sleep(ROUND_S)

    async def run_spool(self) -> None:
        """Come back to the spool, the chores and the lanes about once a second."""
        while True:
            counted = self._spool.counted  # before the look: what is counted meanwhile is seen in the next round
            await self._do("spool", self._spool.tidy)
            for chore in self._chores:
                await self._do("chores", chore)
            for lane in self._lanes.all():
                lane.look_again()
            await asyncio.sleep(ROUND_S if counted else COUNTING_ROUND_S)

    async def _do(self, topic: str, work: Callable[[], None]) -> None:
        try:
            await self._workers.run(work)
        except SpoolError as error:
            self._lanes.notices.warn(topic, str(error))
        except Exception as error:  # a fault of one must not stop the others
            self._lanes.notices.warn(topic, f"{topic}: unexpected {type(error).__name__}: {error}: report it")
