"""The rules that single values keep: each takes what was given and returns the setting.

A rule that is broken raises ``ValueError`` with "what is wrong: what is right"; who reports it puts key and value
before that.
A rule whose problems belong to other keys, or are several, raises ``ProblemsError`` instead.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path

from stillcast.naming import check_prefix

Rule = Callable[[object], object]

EXTRA_INFO_BYTES_MAX = 1024
SIDE_PIXELS = (2, 16384)
MIB = 1 << 20

_QUANTITY = re.compile(r"\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([A-Za-z]+)\s*")
_BYTES = {"b": 1} | {
    prefix + unit: base**power
    for power, prefix in enumerate("kmgt", start=1)
    for unit, base in (("b", 1000), ("ib", 1024))
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_REGION = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ProblemsError(ValueError):
    """Complete problems, ``key: value: what is wrong: what is right`` each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def optional(rule: Rule) -> Rule:
    """Let None stand for "not set" and hand everything else to the rule."""
    return lambda value: None if value is None else rule(value)


def number(low: float, high: float, unit: str) -> Rule:
    """Make the rule for a finite number from ``low`` to ``high``."""
    right = f"use {unit} between {low:g} and {high:g}"

    def rule(value: object) -> object:
        # A bool is an int in Python, but a quality of true is a mistake. numpy's numbers are Real and Integral.
        if isinstance(value, bool) or not isinstance(value, Real):
            raise ValueError(f"is not a number: {right}")
        try:
            given = int(value) if isinstance(value, Integral) else float(value)
        except OverflowError:  # a huge fraction
            given = -math.inf if value < 0 else math.inf
        if not low <= given <= high:
            raise ValueError(f"{_off_range(given, low)}: {right}")
        return float(given)

    return rule


def whole_number(low: int, high: int, unit: str) -> Callable[[object], int]:
    """Make the rule for an integer from ``low`` to ``high``."""
    right = f"use {unit} from {low} to {high}"

    def rule(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise ValueError(f"is not a whole number: {right}")
        given = int(value)
        if not low <= given <= high:
            raise ValueError(f"{_off_range(given, low)}: {right}")
        return given

    return rule


def size(value: object) -> tuple[int, int]:
    """Take width and height in pixels, each within ``SIDE_PIXELS``."""
    low, high = SIDE_PIXELS
    right = f"use [width, height] in whole pixels from {low} to {high}"
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"is not an array of two numbers: {right}")
    for side in value:
        if isinstance(side, bool) or not isinstance(side, Integral):
            raise ValueError(f"has a side that is not a whole number: {right}")
        if not low <= int(side) <= high:
            raise ValueError(f"has a side that is {_off_range(int(side), low)}: {right}")
    width, height = value
    return int(width), int(height)


def flag(value: object) -> object:
    """Take true or false, no word or number in their place."""
    if not isinstance(value, bool):
        raise ValueError("is not true or false: use true or false without quotes")
    return value


def one_of(*choices: str) -> Rule:
    """Make the rule for one word of a few."""
    right = " or ".join(f'"{choice}"' for choice in choices)

    def rule(value: object) -> object:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"is not known: use {right}")
        return value

    return rule


def text(value: object) -> str:
    """Take any text that has a UTF-8 form."""
    if not isinstance(value, str):
        raise ValueError("is not text: put it in quotes")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("has a lone surrogate, which has no UTF-8 form: use whole characters")
    return value


def filled_text(value: object) -> str:
    """Take text that is not empty."""
    if not (given := text(value)):
        raise ValueError("is empty: use at least one character")
    return given


def extra_info(value: object) -> object:
    """Take the text that goes out with every callback as ``callbackData``."""
    given = text(value)
    if (used := len(given.encode())) > EXTRA_INFO_BYTES_MAX:
        raise ValueError(f"has {used} bytes in UTF-8: use at most {EXTRA_INFO_BYTES_MAX}")
    return given


def region(value: object) -> object:
    """Take a region's name, which becomes part of a host name."""
    if not _REGION.fullmatch(text(value)):
        raise ValueError('is not a region: use letters, digits and "-", as "us-east-1"')
    return value


def prefix(value: object) -> object:
    """Take the directories of the object key, by the rule of the keys themselves."""
    if problems := check_prefix(value, name="storage.prefix"):
        raise ProblemsError(problems)
    return value


def path(value: object) -> Path:
    """Take a path; a leading ``~`` is the home directory."""
    given = text(os.fspath(value) if isinstance(value, os.PathLike) else value)
    if not given or "\0" in given:
        raise ValueError("is no path: use the path of a file or directory")
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise ValueError("has a home directory that is not known: use an absolute path") from None


def existing_file(value: object) -> object:
    """Take the path of a file that is there now."""
    given = path(value)
    try:
        if given.is_file():
            return given
    except OSError as error:
        raise ValueError(f"cannot be looked at ({error.strerror}): use the path of a file") from None
    raise ValueError("is not there, or is no file: use the path of an existing file")


def byte_size(value: object) -> object:
    """Take a number of bytes, or text as "2GiB" or "500MB"; at least 1 MiB."""
    right = 'use whole bytes, or a size as "2GiB" or "500MB", from 1MiB up'
    given = _quantity(value, _BYTES) if isinstance(value, str) else value
    if given is None or isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise ValueError(f"is not a size: {right}")
    if given < MIB:
        raise ValueError(f"too small: {right}")
    if given > 1 << 60:  # no disk has more, and what counts with it stays within 64 bits
        raise ValueError(f"too large: {right}, at most {1 << 20}TiB")
    return int(given)


def byte_size_or_zero(value: object) -> object:
    """Take what ``byte_size`` takes, or 0."""
    return 0 if not isinstance(value, bool) and value == 0 else byte_size(value)


def duration(value: object) -> object:
    """Take seconds, or text as "45s", "30m", "72h" or "7d"; above 0."""
    right = 'use seconds, or a time as "45s", "30m", "72h" or "7d", above 0'
    given = _quantity(value, _SECONDS) if isinstance(value, str) else value
    if isinstance(given, float) and math.isnan(given):
        given = None
    if given is None or isinstance(given, bool) or not isinstance(given, int | float | Decimal):
        raise ValueError(f"is not a time: {right}")
    if not given > 0:
        raise ValueError(f"too short: {right}")
    if given > 1e11:  # 3,000 years; also refuses infinity
        raise ValueError(f"too long: {right}")
    return float(given)


def control_characters(value: str) -> bool:
    """Say whether text has a character that could end a line or a header."""
    return _CONTROL.search(value) is not None


def _quantity(given: str, units: dict[str, int]) -> Decimal | None:
    match = _QUANTITY.fullmatch(given)
    if not match or (unit := match[2].lower()) not in units:
        return None
    return Decimal(match[1]) * units[unit]


def _off_range(value: float, low: float) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "not a number"
    return "too small" if value < low else "too large"
