"""From what pydantic found to problems that a person can mend: key, value, what is wrong and what is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stillcast.config.feeds import SourceConfig
from stillcast.config.layers import LIST_SECTION, Sections, closest
from stillcast.config.rules import ProblemsError
from stillcast.redaction import HIDDEN, SECRETS, printable, shown, sounds_secret, without_secrets


def problems_of(error: ValidationError, sections: Sections, origins: Mapping[str, str]) -> Iterator[str]:
    """Write every problem of a validation.

    Args:
        error: of the whole settings.
        sections: every section's model by name, the one of ``source`` included.
        origins: the environment variable that set a key, by the key's name.
    """
    for found in error.errors(include_url=False):
        lines = _lines(found, sections)
        variable = origins.get(_name(found["loc"]))
        yield from (f"{line} (set by {variable})" if variable else line for line in lines)


def argument_problems(error: ValidationError) -> list[str]:
    """Write every problem of arguments that were given in code, by their names."""
    return [line for found in error.errors(include_url=False) for line in _lines(found, {})]


def duplicate_sources(sources: object) -> Iterator[str]:
    """Find sources that would be one feed: the same cname and uid. Looks at what was given, valid or not."""
    first: dict[tuple[str, str], int] = {}
    for index, source in enumerate(sources if isinstance(sources, list | tuple) else ()):
        facts = source.model_dump() if isinstance(source, SourceConfig) else source
        cname, uid = (facts.get("cname"), facts.get("uid")) if isinstance(facts, Mapping) else (None, None)
        if not isinstance(cname, str) or not isinstance(uid, str):
            continue
        if (other := first.setdefault((cname, uid), index)) != index:
            yield (
                f"{LIST_SECTION}[{index}]: cname {shown(cname)} with uid {shown(uid)}: "
                f"is {LIST_SECTION}[{other}] already: give every source a cname and uid of its own"
            )


def _lines(found: ErrorDetails, sections: Sections) -> Sequence[str]:
    match found["type"], found.get("ctx", {}).get("error"):
        case "value_error", ProblemsError() as several:
            return several.problems
        case "value_error", error:
            return [f"{_name(found['loc'])}: {_shown_value(found)}: {error}"]
        case "missing", _:
            return [f"{_name(found['loc'])}: none: is missing: every source needs url, cname and uid"]
        case "extra_forbidden", _:
            return [_unknown(found, sections)]
        case _:
            return [f"{_name(found['loc'])}: {_shown_value(found)}: {_wrong_shape(found['loc'])}"]


def _unknown(found: ErrorDetails, sections: Sections) -> str:
    *above, key = found["loc"]
    if not above:
        known, right = list(sections), f"use one of {', '.join(sections)}"
        wrong = "is not a section"
    else:
        known = list(sections[str(above[0])].model_fields)
        wrong, right = "is not a setting", f"use one of {', '.join(known)}"
    meant = closest(str(key), known)
    if meant:
        right = f'did you mean "{meant}"?'
    harmless = _may_be_shown(str(key), meant if above else None, found["input"])
    value = shown(_masked(found["input"])) if harmless else HIDDEN
    return f"{_name(found['loc'])}: {value}: {wrong}: {right}"


def _may_be_shown(key: str, meant: str | None, value: object) -> bool:
    """Say whether an unknown key's value is surely no misspelt secret."""
    if sounds_secret(key) or meant in SECRETS:
        return False
    return meant is not None or isinstance(value, bool | int | float)


def _shown_value(found: ErrorDetails) -> str:
    return HIDDEN if found["loc"][-1] in SECRETS else shown(_masked(found["input"]))


def _masked(value: object) -> object:
    """Take out what an address, wherever it stands, may hold of user and password."""
    if isinstance(value, list | tuple):
        return [_masked_text(item) for item in value]
    return _masked_text(value)


def _masked_text(value: object) -> object:
    return without_secrets(value) if isinstance(value, str) and ("://" in value or "@" in value) else value


def _wrong_shape(loc: tuple[int | str, ...]) -> str:
    if loc == (LIST_SECTION,):
        return f"is not an array of sources: use [[{LIST_SECTION}]] with keys below it"
    if loc[0] == LIST_SECTION and len(loc) == 2:
        return "is not a source: use a table with url, cname and uid"
    return "has the wrong type: use what the README's table of settings says"


def _name(loc: tuple[int | str, ...]) -> str:
    name = ""
    for part in loc:
        name += f"[{part}]" if isinstance(part, int) else f".{printable(part)}"
    return name.removeprefix(".")
