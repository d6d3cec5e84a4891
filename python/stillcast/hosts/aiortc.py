"""aiortc: any ``MediaStreamTrack``, read as its frames come, or beside its host through a relay that keeps one."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Final

from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from stillcast.hosts.offering import ClosingSink, OfferCounts, Offering, in_words
from stillcast.hosts.pyav import frame_from_av

_LOG: Final = logging.getLogger("stillcast.hosts")


class Stills:
    """Stills of a video track, until it ends; then the feed is closed. Used on the track's event loop.

    Frames are taken off the track as they come, whether a still is due or not, so that nothing is queued. Their colours
    are taken for BT.601 where nothing else is said, at any size: WebRTC's senders make them so (libyuv, swscale).
    """

    def __init__(
        self, feed: ClosingSink, track: MediaStreamTrack, *, relay: MediaRelay | None = None, name: str = ""
    ) -> None:
        """Begin to watch a track; call it while the event loop runs.

        Args:
            feed: takes the frames; it is closed when the track ends.
            track: of kind video.
            relay: the host's own one if it reads the track as well; a track has one reader, a relay any number. What
                its ``recv`` raises ends the relay, and cannot be seen here.
            name: what log lines call the track; its id if empty.
        """
        self._name = name or f"track {track.id}"
        self._feed = feed
        self._offering = Offering(feed, self._name)
        self._proxy = relay.subscribe(track, buffered=False) if relay else None
        self._reading = self._proxy or track
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"stillcast {self._name}")

    @property
    def counts(self) -> OfferCounts:
        """What was offered, pushed and refused."""
        return self._offering.counts

    async def close(self) -> None:
        """Let go of the track and close the feed; may be called again.

        A track that goes on without a reader queues its frames: read it yourself, or stop it.
        """
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._let_go()  # of a task that was cancelled before it began

    async def _run(self) -> None:
        try:
            while True:
                frame = await self._reading.recv()
                self._offering.offer(partial(frame_from_av, frame, unknown_matrix="bt601"))
        except MediaStreamError:
            _LOG.info("%s: ended", self._name)
        except Exception as error:  # of a track that somebody wrote: the host's loop must not see it
            _LOG.warning("%s: ended: %s", self._name, in_words(error))
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._proxy:
            self._proxy.stop()
        self._feed.close()
