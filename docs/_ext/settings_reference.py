"""The configuration reference, made from the models of the settings; needs nothing of Sphinx.

Key and default are a field's own, the description is its line in the docstring of the section, and what is allowed is
what the field's rule itself says to somebody who breaks it.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, cast, get_args

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from stillcast.config import AgentConfig, rules

# Each rule refuses at least one of them.
_BROKEN = ("?", "", "?" * 2000)
_SIZES = (rules.byte_size, rules.byte_size_or_zero)


def reference() -> str:
    """Write a heading and a table for each section, in Markdown."""
    return "\n".join(line for name, model in sections().items() for line in _section(name, model))


def sections() -> dict[str, type[BaseModel]]:
    """Find the sections by what stands in brackets in the file: ``[capture]``, and ``[[source]]`` for the list."""
    found: dict[str, type[BaseModel]] = {}
    for name, field in AgentConfig.model_fields.items():
        many = get_args(field.annotation)
        found[f"[[{name}]]" if many else f"[{name}]"] = cast("type[BaseModel]", many[0] if many else field.annotation)
    return found


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Read the lines below ``Attributes:`` in a section's docstring and those of the sections it is made from."""
    found: dict[str, str] = {}
    for part in (each for each in model.__mro__ if issubclass(each, BaseModel)):
        _, _, attributes = inspect.cleandoc(part.__doc__ or "").partition("\nAttributes:\n")
        for entry in re.split(r"^    (?=\w)", attributes, flags=re.MULTILINE)[1:]:
            name, _, text = entry.partition(":")
            # In the file a key is left out where Python has None.
            found[name] = re.sub(r"\bNone\b", "none", " ".join(text.split()))
    return found


def allowed(field: FieldInfo) -> str:
    """Say what a field takes, in the words of its rule."""
    for rule in _rules(field):
        for broken in _BROKEN:
            try:
                rule(broken)
            except ValueError as error:
                return str(error).rpartition(": ")[2].removeprefix("use ")
    raise LookupError(f"{field!r}: no rule of it says what is right: add to _BROKEN what it refuses")


def default(field: FieldInfo) -> str:
    """Write a field's default as the file would have it."""
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return "see right"
    value = field.default
    if value is None:
        return "none"
    if any(rule in _SIZES for rule in _rules(field)):
        return f'`"{_binary(value)}"`'
    if rules.duration in _rules(field):
        return f'`"{value / 3600:g}h"`'
    return f"`{json.dumps(value)}`"


def _section(name: str, model: type[BaseModel]) -> Iterator[str]:
    told = descriptions(model)
    yield f"## `{name}`"
    yield ""
    yield inspect.cleandoc(model.__doc__ or "").partition("\n")[0]
    yield ""
    yield "| key | default | allowed | what it is |"
    yield "| --- | --- | --- | --- |"
    for key, field in _ordered(model):
        cells = (f"`{key}`", default(field), allowed(field), told[key])
        yield "| " + " | ".join(map(_in_a_cell, cells)) + " |"
    yield ""


def _in_a_cell(text: str) -> str:
    """Keep ``|`` and ``<`` from being taken for markup; code between backticks is shown as it is."""
    parts = re.split(r"(`+)", text.replace("|", "\\|"))  # prose, ticks, code, ticks, prose and so on
    return "".join(part.replace("<", "&lt;") if index % 4 == 0 else part for index, part in enumerate(parts))


def _ordered(model: type[BaseModel]) -> list[tuple[str, FieldInfo]]:
    """Give the fields in the order of the docstring: that of the models follows which rule looks at which key."""
    order = list(descriptions(model))
    return sorted(model.model_fields.items(), key=lambda item: order.index(item[0]))


def _rules(field: FieldInfo) -> list[Callable[[Any], object]]:
    # An optional field may have its rule inside the union: ``Interval | None``.
    inner = [each for part in get_args(field.annotation) for each in getattr(part, "__metadata__", ())]
    return [each.func for each in (*field.metadata, *inner) if isinstance(each, BeforeValidator)]  # type: ignore[misc]


def _binary(count: int) -> str:
    for unit, bits in (("GiB", 30), ("MiB", 20)):
        if count % (1 << bits) == 0:
            return f"{count >> bits}{unit}"
    return str(count)
