"""The floor: one read of the source, and libjpeg-turbo's encode of the picture that the reference would have made."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import native
from benchmarks.frames import Array, SourceFrame
from benchmarks.peers import Job


@dataclass(frozen=True, slots=True)
class Prepared:
    source: Array
    address: int
    picture: Picture


class Picture(native.Handle):
    """A small picture in memory that the encoder reads in place."""

    def __init__(self, size: tuple[int, int], i420: Array) -> None:
        super().__init__("floor_picture", *size, native.address(i420))


class Floor:
    def __init__(self, job: Job) -> None:
        self._size = job.target
        self._floor = native.Handle("floor", *job.target, job.quality)
        self._jpeg = native.JpegPointer()
        self._still = native.function("floor_still")
        self._read = native.function("floor_read")

    def load(self, frame: SourceFrame) -> Prepared:
        source = frame.array("I420")
        small = frame.reference(self._size).planes.as_i420()
        return Prepared(source, native.address(source), Picture(self._size, small))

    def still(self, loaded: Prepared) -> bytes:
        pointers = (self._floor.pointer, loaded.address, loaded.source.nbytes, loaded.picture.pointer)
        return self._jpeg.take(self._still(*pointers, self._jpeg.out))

    def read(self, loaded: Prepared) -> None:
        """The first half of it alone."""
        self._read(self._floor.pointer, loaded.address, loaded.source.nbytes)
