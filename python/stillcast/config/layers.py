"""The layers that settings come from: a TOML file, the environment, the program's overrides."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_origin

from pydantic import BaseModel

from stillcast.redaction import HIDDEN, printable, shown

Layer = Mapping[str, object]
Sections = Mapping[str, type[BaseModel]]

LIST_SECTION = "source"
ENVIRONMENT_PREFIX = "STILLCAST_"

_FILE = "_file"

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_FILE_RIGHT = "give the path of a TOML file"


def read_file(path: str | os.PathLike[str], problems: list[str]) -> Layer:
    """Read a TOML file; a file that cannot be read, or is not TOML, is one problem and an empty layer."""
    try:
        file = Path(os.fsdecode(path))
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except TypeError:
        wrong = f"is no path: {_FILE_RIGHT}"
    except OSError as error:
        wrong = f"cannot be read ({error.strerror}): {_FILE_RIGHT}"
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        wrong = f"is not UTF-8 text (at line {line}): save it as UTF-8"
    except RecursionError:
        wrong = "is nested too deeply: settings need two levels at most"
    except tomllib.TOMLDecodeError as error:
        wrong = f"is not TOML: {printable(str(error))}: correct it there"
    except ValueError:  # a path with a zero byte, or an integer of thousands of digits
        wrong = f"cannot be read: {_FILE_RIGHT} whose numbers have an ordinary length"
    problems.append(f"configuration file: {_shown_path(path)}: {wrong}")
    return {}


def read_environment(
    environment: Mapping[str, str], sections: Sections, problems: list[str]
) -> tuple[Layer, dict[str, str]]:
    """Read ``STILLCAST_<SECTION>_<KEY>``, with one underscore or two between section and key.

    Variables of sections that do not exist are not looked at: Kubernetes sets STILLCAST_SERVICE_HOST and more of that
    kind wherever a service is called "stillcast". A known section with an unknown key is a problem.

    Returns:
        The layer, and which variable set which key, as ``{"capture.interval": "STILLCAST_CAPTURE_INTERVAL"}``.
    """
    known = _known_variables(sections)
    layer: dict[str, dict[str, object]] = {}
    origins: dict[str, str] = {}
    for variable in sorted(environment):
        if variable not in known:
            problems.extend(_unknown_variable(variable, known, sections))
            continue
        section, key = known[variable]
        if (first := origins.get(f"{section}.{key}")) and environment[first] != environment[variable]:
            problems.append(f"{section}.{key}: two values: {first} and {variable} differ: set one of them")
        origins[f"{section}.{key}"] = variable
        layer.setdefault(section, {})[key] = _parse(environment[variable], sections[section], key)
    sources = _environment_sources(environment, problems)
    return {**layer, **sources}, origins


def merge(layers: Iterable[Layer], sections: Sections, problems: list[str]) -> dict[str, object]:
    """Lay the layers over each other, the last on top: sections key by key, the list of sources as a whole.

    A secret and its file are one key here: the upper layer's form of it is the one that counts.

    Returns:
        A new dict with every known section, and with what is unknown for the models to refuse.
    """
    merged: dict[str, object] = {section: {} for section in sections}
    for layer in layers:
        for section, content in layer.items():
            if section not in sections:
                merged[section] = content
            elif isinstance(content, Mapping):
                merged[section] = {**_without_rivals(_mapping(merged[section]), content), **content}
            else:
                problems.append(
                    f"{section}: {_shown_section(content)}: is no section: use [{section}] with keys below it"
                )
    return merged


def closest(name: str, names: Sequence[str]) -> str | None:
    """Find the name that was probably meant."""
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=0.6)), None)


def _known_variables(sections: Sections) -> dict[str, tuple[str, str]]:
    return {
        f"{ENVIRONMENT_PREFIX}{section}{between}{key}".upper(): (section, key)
        for section, model in sections.items()
        for key in model.model_fields
        for between in ("_", "__")
    }


def _unknown_variable(variable: str, known: Mapping[str, object], sections: Sections) -> Iterable[str]:
    rest = variable.removeprefix(ENVIRONMENT_PREFIX)
    section = rest.split("_", 1)[0].lower()
    if rest == variable or rest == LIST_SECTION.upper() or section not in {*sections, LIST_SECTION}:
        return
    if section == LIST_SECTION:
        right = f"use {ENVIRONMENT_PREFIX}SOURCE with a JSON array of all sources"
    elif rest != section.upper() and (meant := closest(variable, [name for name in known if "__" not in name])):
        right = f"did you mean {meant}?"
    else:
        right = f"use {ENVIRONMENT_PREFIX}{section.upper()}_ and one of {', '.join(sections[section].model_fields)}"
    # Its value may be a secret under a misspelt name.
    yield f"{printable(variable)}: {HIDDEN}: is not a setting: {right}"


def _parse(given: str, model: type[BaseModel], key: str) -> object:
    """Turn a variable's text into the type that TOML would have given; text that has not that form stays as it is."""
    kind = model.model_fields[key].annotation
    if kind is bool:
        return _WORDS.get(given.strip().lower(), given)
    if get_origin(kind) is tuple:
        return _json(given)
    if kind in (int, float):
        for number in (int, float):
            try:
                return number(given)
            except ValueError:
                continue
    return given


def _environment_sources(environment: Mapping[str, str], problems: list[str]) -> Layer:
    variable = f"{ENVIRONMENT_PREFIX}{LIST_SECTION.upper()}"
    if variable not in environment:
        return {}
    parsed = _json(environment[variable])
    if isinstance(parsed, list):
        return {LIST_SECTION: parsed}
    problems.append(
        f"{LIST_SECTION}: {HIDDEN}: {variable} is not a JSON array: "
        'use [{"url": "...", "cname": "...", "uid": "..."}], one object a source'
    )
    return {}


def _json(given: str) -> object:
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return given


def _without_rivals(below: Mapping[str, object], above: Mapping[str, object]) -> Mapping[str, object]:
    """Take out of a lower layer the file of a secret that the upper one gives, and the secret whose file it gives."""
    given = {key for key, value in above.items() if value is not None and isinstance(key, str)}
    rivals = {f"{key}{_FILE}" for key in given} | {key.removesuffix(_FILE) for key in given if key.endswith(_FILE)}
    return {key: value for key, value in below.items() if key not in rivals}


def _mapping(content: object) -> Mapping[str, object]:
    return content if isinstance(content, Mapping) else {}


def _shown_section(content: object) -> str:
    # Text in the place of a section may be anything, a secret too.
    return HIDDEN if isinstance(content, str | list | tuple) else shown(content)


def _shown_path(path: object) -> str:
    return shown(os.fsdecode(path)) if isinstance(path, str | bytes | os.PathLike) else shown(path)
