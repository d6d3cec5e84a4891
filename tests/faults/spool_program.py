"""A program that takes stills through everything a spool does, and writes down what it begins and what it ended.

``check`` holds what a fresh spool finds against what was written down: a still is where its last step that ended put
it, or, if one step had begun, where that one puts it. Run in a nursery, under the shim.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from stillcast.spool import Spool, State
from stillcast.stills import Still
from support.stills import START, make_spool, make_still, request_id_of

REASON = "callback.url: https://host: status 500 after 3 attempts: mend it"

Place = State | None


@dataclass(frozen=True)
class Step:
    """One thing done with one still, and where the still is afterwards; None is nowhere."""

    verb: Literal["put", "read", "move", "remove", "defer", "revive"]
    number: int
    after: Place


def steps_of(spool_type: type[Spool] = Spool) -> tuple[Step, ...]:
    """Every way through the states; those of a spool that cannot defer yet are left out."""
    ready, stored, dead = State.READY, State.STORED, State.DEAD
    plain = [
        *[Step("put", 1, ready), Step("read", 1, ready), Step("move", 1, stored), Step("remove", 1, None)],
        *[Step("put", 2, ready), Step("move", 2, dead), Step("move", 2, ready), Step("remove", 2, None)],
        *[Step("put", 3, ready), Step("move", 3, stored), Step("move", 3, dead)],
        *[Step("put", 4, ready), Step("move", 4, State.QUARANTINE)],
        Step("put", 5, ready),
    ]
    if not hasattr(spool_type, "defer"):
        return tuple(plain)
    deferred = State("deferred")
    more = [
        *[Step("put", 6, ready), Step("move", 6, stored), Step("defer", 6, deferred), Step("defer", 6, deferred)],
        *[Step("move", 6, stored), Step("remove", 6, None)],
        *[Step("put", 7, ready), Step("move", 7, stored), Step("defer", 7, deferred), Step("remove", 7, None)],
        *[Step("put", 8, ready), Step("move", 8, stored), Step("defer", 8, deferred), Step("move", 8, dead)],
        *[Step("revive", 3, stored), Step("remove", 3, None), Step("revive", 8, stored)],
    ]
    return (*plain, *more)


def still(number: int) -> Still:
    """The same still every time it is asked for."""
    return make_still(number, sid=f"{number:032x}", jpeg=b"\xff\xd8" + bytes([number]) * 3000 + b"\xff\xd9")


class Journal:
    """What the program says: one unbuffered write a line, so a line that can be read was true before the kill."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def say(self, line: str) -> None:
        os.write(self._descriptor, f"{line}\n".encode())


def main(root: str, journal: str, durability: str) -> None:
    """Do every step, from the opening of the spool to its closing."""
    with Journal(Path(journal)) as lines, make_spool(Path(root), durability=durability) as spool:
        for index, step in enumerate(steps_of()):
            lines.say(f"begin {index}")
            _do(spool, step, _place_before(index))
            lines.say(f"end {index}")


def _place_before(index: int) -> Place:
    steps = steps_of()
    return next((step.after for step in reversed(steps[:index]) if step.number == steps[index].number), None)


def _do(spool: Spool, step: Step, place: Place) -> None:
    picture = still(step.number)
    if step.verb == "put":
        spool.put(picture, request_id=request_id_of(picture), extra_info="extra")
        return
    assert place is not None
    name = name_of(step.number)
    match step.verb:
        case "read":
            assert spool.read(place, name)[1] == picture.jpeg
        case "move":
            assert step.after is not None
            reason = REASON if step.after in (State.DEAD, State.QUARANTINE) else None
            assert spool.move(name, place, step.after, reason)
        case "remove":
            assert spool.remove(place, name)
        case "defer":
            assert spool.defer(name, place, due_s=START.timestamp() + 60, attempts=2, reason=REASON)
        case "revive":
            assert spool.revive(name) is not None


def name_of(number: int) -> str:
    """The name of a still's file, found out by a spool that is thrown away."""
    from stillcast.spool.item import describe  # noqa: PLC0415  # the one place where a test needs it

    return describe(still(number), request_id="", extra_info="").name


@dataclass(frozen=True)
class Finding:
    """What one kill left behind.

    Attributes:
        promised: stills that have to be somewhere.
        in_doubt: stills that a step was at work on.
    """

    promised: int
    in_doubt: int


def check(root: Path, journal: Path) -> Finding:
    """Open the spool anew and hold every still against the journal; AssertionError says what is wrong."""
    allowed = allowed_places(journal.read_text().splitlines() if journal.exists() else [])
    with make_spool(root) as spool:
        found = places(root)
        for number, may_be in allowed.items():
            at = found.pop(name_of(number), [])
            assert len(at) <= 1, f"still {number} is in {at} at once"
            assert (at[0] if at else None) in may_be, f"still {number} is in {at}, not in {may_be}"
            if at:
                assert spool.read(at[0], name_of(number))[1] == still(number).jpeg
        assert found == {}, f"nobody put {found}"
        check_shelves(spool)
    promised = sum(None not in may_be for may_be in allowed.values())
    return Finding(promised, sum(len(may_be) > 1 for may_be in allowed.values()))


def allowed_places(lines: Sequence[str]) -> dict[int, set[Place]]:
    """Where each still may be after these lines of the journal."""
    steps = steps_of()
    allowed: dict[int, set[Place]] = {step.number: {None} for step in steps}
    for line in lines:
        word, _, index = line.partition(" ")
        step = steps[int(index)]
        allowed[step.number] = {step.after} if word == "end" else allowed[step.number] | {step.after}
    return allowed


def places(root: Path) -> dict[str, list[State]]:
    """Every file of a still in a spool, and the states it is in."""
    found: dict[str, list[State]] = {}
    for state in State:
        for path in _pictures(root / state):
            found.setdefault(path.name, []).append(state)
    return found


def _pictures(directory: Path) -> Iterator[Path]:
    return directory.glob("*.jpg") if directory.is_dir() else iter(())


def check_shelves(spool: Spool) -> None:
    """What an open spool says of itself is what lies on its disk, and nothing else lies there."""
    root = spool.path
    assert list((root / "tmp").iterdir()) == []
    on_disk = {state: len(list(_pictures(root / state))) for state in State}
    assert dict(spool.counts()) == on_disk
    assert spool.bytes_used == sum(path.stat().st_size for state in State for path in _pictures(root / state))
    orphans = [
        path for path in root.rglob("*.reason") if not path.with_name(path.name.removesuffix(".reason")).exists()
    ]
    assert orphans == [], "reasons without a still"
