"""How long a put may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a put may take, in seconds.

    Attributes:
        connect_s: to reach the server, for each of its addresses.
        read_s: without a byte from the server.
        whole_s: in all, from the first look-up to the last byte of the answer, however the bytes drip; less than the
            30 s within which new stills are stored after a store that held every upload has healed.
        idle_s: after which a connection that nobody used is not trusted any more: what stands between may have
            forgotten it without a word.
    """

    connect_s: float = 3.0
    read_s: float = 15.0
    whole_s: float = 20.0
    idle_s: float = 30.0
