"""What the site needs of its own: the directive ``settings``, and signatures that are read by people."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from docutils import nodes
from settings_reference import reference
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

_STUB = Path(__file__).parents[2] / "python" / "stillcast" / "_native.pyi"
# Made by stillcast, read by its users: their attributes count, not how they are made.
_MADE_HERE = frozenset(
    f"stillcast.{name}"
    for name in ("AgentConfig", "AgentStats", "EncodedStill", "Feed", "Histogram", "ObjectKey", "Still")
)
# Compiled, so that the types of their arguments stand in the stub alone.
_NATIVE = {"stillcast.Frame": "__init__", "stillcast.Frame.from_array": "from_array"}
# Type variables and aliases of the code, and what they stand for.
_SPELT_OUT = {
    "_Listener": "~collections.abc.Callable[[~stillcast.Still], object]",
    "_Plane": "~collections.abc.Buffer | ~numpy.ndarray",
}


class Settings(SphinxDirective):
    """Puts the reference of all settings in its place."""

    def run(self) -> list[nodes.Node]:
        """Parse the reference as Markdown, which the page is in."""
        return self.parse_text_to_nodes(reference(), allow_section_headings=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register with Sphinx."""
    app.add_directive("settings", Settings)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-docstring", _types_beside_names, priority=600)  # after napoleon's 500
    return {"parallel_read_safe": True}


def _signature(
    _app: Sphinx, _what: str, name: str, made: object, _options: object, arguments: str | None, returned: str | None
) -> tuple[str, str] | None:
    if arguments is None:  # a property, a module
        return None
    if name in _MADE_HERE or getattr(made, "_is_protocol", False):
        return "", ""
    if name in _NATIVE:
        arguments = _arguments_of_frame(_NATIVE[name])
    return _spelt_out(arguments), _spelt_out(returned or "")


def _types_beside_names(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Move the type of an attribute from below its description, where napoleon puts it, to behind its name."""
    name_at = 0
    for at, line in enumerate(list(lines)):
        if line.startswith(".. attribute:: "):
            name_at = at
        elif line.startswith("   :type: "):
            kind = re.sub(r"[\w.]+\.\w", r"~\g<0>", line.removeprefix("   :type: "))  # without its module
            lines[name_at] += f"\n   :type: {kind}"
            lines[at] = ""
    lines[:] = "\n".join(lines).split("\n")


def _arguments_of_frame(function: str) -> str:
    """Read the arguments of a function of ``Frame`` from the stub, without ``self``."""
    (frame,) = (each for each in ast.parse(_STUB.read_text()).body if getattr(each, "name", "") == "Frame")
    (found,) = (each for each in ast.walk(frame) if isinstance(each, ast.FunctionDef) and each.name == function)
    found.args.args = [each for each in found.args.args if each.arg != "self"]
    return f"({ast.unparse(found.args)})"


def _spelt_out(signature: str) -> str:
    for name, meaning in _SPELT_OUT.items():
        signature = re.sub(rf"~?[\w.]*\b{name}\b", meaning, signature)
    return signature
