"""Names to addresses without the executor that asyncio would use."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from stillcast.workers import WorkerPool


class Resolver(AbstractResolver):
    """Looks names up in a thread of ours. See Note [Why not ThreadPoolExecutor]."""

    def __init__(self) -> None:
        self._pool = WorkerPool(1, "stillcast-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Look one name up."""
        found = await self._pool.run(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
        )
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
