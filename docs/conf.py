"""How the site is built: ``make docs`` writes it into build/docs.

The source directory is the repository's root, not this one: so README, ARCHITECTURE and the reports of the benchmarks
are pages too, and a link between two files means the same here and where the files are read as they are.
"""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "stillcast"
version = release = version_of("stillcast")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "stillcast_site"]
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/hosts/*.md",
    "benchmarks/README.md",
    "benchmarks/results/*.md",
    "tests/fuzz/README.md",
]
exclude_patterns = [".*", "build", "dist", "cpp", "python"]  # not walked through

# Anchors as plain git hosts make them, for links such as README.md#settings.
myst_heading_anchors = 3

autoclass_content = "both"  # arguments are described by __init__
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
# What of the hosts' libraries is not in the environment of `make check`. PyAV is, with the extra `video`.
autodoc_mock_imports = ["aiortc", "cv2", "gi", "livekit"]

nitpicky = True
nitpick_ignore_regex = [
    # Python's own types and those of other packages: their inventories would have to be fetched, and the site is built
    # without a network.
    ("py:.*", r"(?!stillcast\b).*"),
    # The sections of the settings are on the page of the configuration, key by key.
    ("py:class", r"stillcast\.config\..*"),
]

smartquotes_action = "D"  # dashes only: quotes are part of what is to be typed

html_theme = "furo"
html_title = f"stillcast {version}"
html_extra_path = ["_root"]  # index.html of the site, which leads to docs/index.html
html_copy_source = False
html_show_copyright = False
html_show_sourcelink = False
