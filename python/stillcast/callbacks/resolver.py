"""Names to addresses without the executor that asyncio would use."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from stillcast.workers import WorkerPool

_HANGING_MAX: Final = 7


class Resolver(AbstractResolver):
    """Looks names up in a thread of ours; one that hangs is replaced, see Note [Threads that hang]."""

    def __init__(self, limit_s: float) -> None:
        """Describe a resolver.

        Args:
            limit_s: seconds after which a look-up has failed; the system's own limit may be minutes.
        """
        self._limit_s = limit_s
        self._pool = WorkerPool(1, "stillcast-names", spare=_HANGING_MAX)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Look one name up.

        Raises:
            OSError: there is no such name, or no answer in time.
        """
        try:
            async with asyncio.timeout(self._limit_s):
                found = await self._pool.run(
                    socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
                )
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, f"no answer within {self._limit_s} s") from None
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Let the thread end."""
        self._pool.close()
