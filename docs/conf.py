"""Settings of the documentation site, which `make docs` builds with Sphinx into `docs/_build/html`."""

from __future__ import annotations

import builtins
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

os.environ["NUMBA_DISABLE_JIT"] = "1"  # kernels are read as the functions that they are made of
ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "docs"), str(ROOT)]

from docutils import nodes
from docutils.utils import unescape
from generated_pages import write_pages
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyXRefRole

import pylos

project, author, copyright = "pylos", "", ""
version = release = pylos.__version__
html_title = f"pylos {release}"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "../pylos/web/pages/icon.svg"
highlight_language = "none"  # of blocks that name no language
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False

# Markdown and notebooks. Notebooks are shipped with the outputs of a full run; the tests execute them.
myst_heading_anchors = 4
nb_execution_mode = "off"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Docstrings. Without a GPU there may be no Triton.
autodoc_mock_imports = [] if find_spec("triton") else ["triton"]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
default_role = "name"

# Every reference must lead somewhere (`-n`), except into other projects: their indexes are on the internet, and the
# site is built without it.
nitpick_ignore_regex = [
    ("py:.*", r"(?!pylos|callbacks)[a-z]\w*\.[\w.]+"),
    # What is private.
    ("py:class", r".*\._\w+"),
    # Names in single backquotes, see below.
    ("py:obj", ".*"),
]
OUR_CLASSES = {
    name
    for package in ("pylos", "callbacks")
    for path in (ROOT / package).rglob("*.py")
    for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}
# The examples of web.md leave things out with `...`, which is not JSON.
suppress_warnings = ["misc.highlighting_failure"]


class NameRole(PyXRefRole):
    """What single backquotes in docstrings mean: code, and a link where it is the name of something documented."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Makes a link of a name, and plain code of anything else."""
        if re.fullmatch(r"[A-Za-z_][\w.]*\w", unescape(self.text)):
            self.name = "py:obj"
            return super().run()
        return [nodes.literal(self.rawtext, unescape(self.text), classes=["code"])], []


def whole_sentences(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Keeps napoleon from taking what is before a colon, in the text about an attribute, for its type."""
    if what in ("attribute", "data", "property") and lines:
        lines[0] = f": {lines[0]}"


def drop_plain_base(app: Sphinx, name: str, thing: Any, options: Any, bases: list[Any]) -> None:
    """Says nothing about the base of a class that has none of its own."""
    bases[:] = [base for base in bases if base is not object]


def unlink_builtins(app: Sphinx, page: nodes.document) -> None:
    """Keeps `dict` in a signature from leading to an attribute of that name somewhere in the package."""
    for node in list(page.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "py" and hasattr(builtins, node["reftarget"]):
            kind = nodes.literal if node["reftype"] == "obj" else nodes.inline
            node.replace_self(kind("", node["reftarget"]))


def accept_foreign_name(app: Sphinx, env: Any, node: nodes.Element, shown: nodes.Node) -> nodes.Node | None:
    """Lets names stand that are of other projects though they do not say so, and the variables of generic types."""
    module, _, name = str(node.get("reftarget", "")).rpartition(".")
    if not module:
        return None if name in OUR_CLASSES else shown
    return shown if isinstance(getattr(sys.modules.get(module), name, None), TypeVar) else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Adds what is above, and the pages that are made from the source."""
    app.add_role("name", NameRole())
    app.connect("autodoc-process-bases", drop_plain_base)
    app.connect("doctree-read", unlink_builtins)
    app.connect("missing-reference", accept_foreign_name)
    app.connect("autodoc-process-docstring", whole_sentences, priority=400)  # napoleon has 500
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / "reference"))
    return {"parallel_read_safe": True}
