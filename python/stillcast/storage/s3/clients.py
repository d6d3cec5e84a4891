"""The one client of a store: made when it is needed, forgotten when a person has to mend something, one a process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from stillcast.config import StorageConfig
from stillcast.errors import ConfigError
from stillcast.storage.s3.destination import UnusualSigningError
from stillcast.storage.s3.tellings import Tellings


class Client(Protocol):
    """What holds connections to a bucket."""

    def close(self) -> None:
        """Close them, those in use after their use."""

    def forget(self) -> None:
        """Let go of what was inherited from a parent process, without a word to the server."""


C = TypeVar("C", bound=Client)


class Clients(Generic[C]):
    """Gives the client; any thread may call its methods, in any process that was forked."""

    def __init__(self, config: StorageConfig, make: Callable[[StorageConfig], C], tellings: Tellings) -> None:
        """Describe it.

        Args:
            config: the ``[storage]`` section.
            make: makes a client; may raise what boto3 raises.
            tellings: writes what went wrong.
        """
        self._config = config
        self._make = make
        self._tellings = tellings
        self._renews = False  # whether the settings' files are to be read again
        self._lives: dict[int, _Life[C]] = {}  # by process: our own, and that of a parent

    @property
    def current(self) -> C | None:
        """The client, if there is one."""
        return self._life().client

    def get(self) -> C:
        """Give the client, made if there is none.

        Raises:
            StorageFailure: it cannot be made.
        """
        life = self._life()
        client = life.client
        if client is not None:
            return client
        with life.mutex:
            if life.client is None:
                life.client = self._made()
            return life.client

    def forget(self, client: C) -> None:
        """Let the next ``get`` ask anew for everything: the settings' files, boto3's chain, the address."""
        life = self._life()
        with life.mutex:
            if life.client is client:
                life.client = None
        self._renews = True
        client.close()

    def close(self) -> None:
        """Close the client; the next ``get`` would make a new one."""
        if (client := self.current) is not None:
            self.forget(client)

    def _made(self) -> C:
        try:
            return self._make(self._config.renewed() if self._renews else self._config)
        except (BotoCoreError, ClientError, ConfigError, UnusualSigningError, ValueError, OSError) as error:
            self._renews = True
            raise self._tellings.not_ready(error) from error

    def _life(self) -> _Life[C]:
        life = self._lives.get(os.getpid())
        return life or self._begin_life()

    def _begin_life(self) -> _Life[C]:
        """Begin anew in a forked process; no lock, because a thread of the parent's may have held it."""
        inherited = [life for pid, life in list(self._lives.items()) if pid != os.getpid()]
        life = self._lives.setdefault(os.getpid(), _Life())  # whole: of several threads, all get the same
        for each in inherited:
            if each.client is not None:
                each.client.forget()
        return life


class _Life(Generic[C]):
    """What belongs to one process: after a fork, the child has its own, and a lock that nobody holds."""

    def __init__(self) -> None:
        self.mutex = threading.Lock()  # guards client; held while one is made, so that it is made once
        self.client: C | None = None
