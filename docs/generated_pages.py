"""The pages of the site that are made from the source: `docs/reference/`, which git ignores.

A page for the public names, one for the callbacks, one for each wing that programs may want to import, and one for
the options of the command, from its own parsers.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pylos
from pylos.cli.arguments import LIGHTNING_COMMANDS, command_parser

ROOT = Path(__file__).parent.parent
FACE = "pylos"
WINGS = (
    "game", "kernels", "search", "solution", "network", "selfplay", "truth", "players", "analysis", "arena", "runs",
    "training", "engine", "adapters",
)  # fmt: skip
"""Those below the command and the page of the browser, whose files are nobody's business but their own."""
GROUPS = {"model": "the agent", "data": "self-play and batches", "trainer": "Lightning's trainer"}
"""The long groups of options of Lightning's subcommands."""
NAVIGATION = "```{toctree}\n:hidden:\n\n"


def write_pages(folder: Path) -> None:
    """Writes all of them; a page that has not changed keeps its time, so that Sphinx does not read it again."""
    pages = {"pylos": face_page(), "callbacks": callbacks_page(), "command": command_page()}
    pages |= {wing: wing_page(wing) for wing in WINGS}
    pages["index"] = index_page()
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.md"):
        if path.stem not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def autodoc(directive: str, name: str, *options: str) -> str:
    """A directive of autodoc, in Markdown."""
    lines = [f".. {directive}:: {name}", *(f"   :{option}" for option in options)]
    return "\n".join(["```{eval-rst}", *lines, "```\n"])


def first_sentence(package: str) -> str:
    """What a package is, by the first line of its docstring."""
    path = ROOT / package.replace(".", "/") / "__init__.py"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.splitlines()[0]


# Names in Python ---------------------------------------------------------------------------------------------


def face_page() -> str:
    """The public names: what programs import."""
    names = [name for name in pylos.__all__ if not name.startswith("_")]
    errors = {name for name in names if _home(name) == "pylos.errors"}
    parts = ["# `pylos`", f"{first_sentence('pylos')} These names are what programs import from it."]
    parts += [_entry(name) for name in names if name not in errors]
    parts += [
        "## Errors",
        "What can go wrong, by name. The command turns each into one line and exit code 2.",
    ]
    parts += [_entry(name) for name in sorted(errors, key=lambda name: (name != "PylosError", name))]
    parts.append(autodoc("automodule", "pylos.errors", "members:", f"exclude-members: {', '.join(errors)}"))
    return "\n\n".join(parts)


def _home(name: str) -> str:
    value = getattr(pylos, name)
    return str(getattr(value, "__module__", ""))


def _entry(name: str) -> str:
    if isinstance(getattr(pylos, name), type):
        return autodoc("autoclass", f"pylos.{name}", "members:", "show-inheritance:")
    return autodoc("autofunction", f"pylos.{name}")


def callbacks_page() -> str:
    """The callbacks for Lightning's trainer."""
    parts = ["# `callbacks`", first_sentence("callbacks")]
    parts += [
        autodoc("autoclass", f"callbacks.{name}", "members:", "show-inheritance:")
        for name in importlib.import_module("callbacks").__all__
    ]
    return "\n\n".join(parts)


def wing_page(wing: str) -> str:
    """A section for every file of a wing. What is public is on the page of the public names instead."""
    parts = [f"# `pylos.{wing}`", first_sentence(f"pylos.{wing}")]
    folder = ROOT / "pylos" / wing
    for path in sorted(folder.rglob("*.py"), key=lambda path: (len(path.parts), path)):
        if path.stem == "__init__":
            continue
        name = path.relative_to(folder).with_suffix("").as_posix()
        module = f"pylos.{wing}.{name.replace('/', '.')}"
        public = [each for each in pylos.__all__ if not each.startswith("_") and _home(each) == module]
        options = ["members:", "show-inheritance:"]
        parts.append(f"## `{name}`")
        if public:
            links = ", ".join(f"{{any}}`pylos.{each}`" for each in public)
            parts.append(f"Public, and described there: {links}.")
            options.append(f"exclude-members: {', '.join(public)}")
        parts.append(autodoc("automodule", module, *options))
    return "\n\n".join(parts)


def index_page() -> str:
    """The way to all of them."""
    rows = [("pylos", "the public names"), ("callbacks", first_sentence("callbacks"))]
    rows += [(f"pylos.{wing}", first_sentence(f"pylos.{wing}")) for wing in WINGS]
    table = [f"| [`{name}`]({name.split('.')[-1]}.md) | {text} |" for name, text in rows]
    pages = [name.split(".")[-1] for name, _ in rows]
    return "\n".join(
        [
            "# Reference\n",
            "From the docstrings. `[B, 303]` is the shape of an array: B rows of 303. Import from `pylos` and",
            "`callbacks`, which keep their names; the wings below may change from version to version.\n",
            "| | |\n|---|---|",
            *table,
            "\n[The command](command.md) has the options of every subcommand.\n",
            NAVIGATION + "\n".join(pages) + "\n```\n",
        ]
    )


# The command -------------------------------------------------------------------------------------------------


def command_page() -> str:
    """Every subcommand with its arguments, from the parsers that read them."""
    parsers = {**_own_parsers()}
    texts = {**LIGHTNING_COMMANDS, **_own_texts()}
    lightning = lightning_parsers()
    parts = [
        "# The command",
        "Made from the parsers of the command itself. `pylos COMMAND --help` prints the same.",
    ]
    parts.append(_table((f"[`pylos {name}`](#pylos-{name})", text) for name, text in texts.items()))
    for name in texts:
        parts.append(f"## `pylos {name}`")
        if name in lightning:
            parts += lightning_section(name, lightning)
        else:
            parser = parsers[name]
            parts.append(_escaped(parser.description or f"{texts[name][0].upper()}{texts[name][1:]}."))
            usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
            parts += [f"```text\n{usage}\n```", _table(_rows(parser, parser._actions))]
    return "\n\n".join(parts) + "\n"


def _subcommands() -> Any:
    return next(a for a in command_parser()._actions if isinstance(a, argparse._SubParsersAction))


def _own_parsers() -> dict[str, argparse.ArgumentParser]:
    return {name: parser for name, parser in _subcommands().choices.items() if name not in LIGHTNING_COMMANDS}


def _own_texts() -> dict[str, str]:
    return {a.dest: a.help for a in _subcommands()._choices_actions if a.dest not in LIGHTNING_COMMANDS}


def lightning_parsers() -> dict[str, Any]:
    """The parsers of Lightning's subcommands, as their help shows them."""
    from pylos.cli.lightning_cli import PylosCLI
    from pylos.runs.lightning_internals import subcommand_parsers

    found: dict[str, Any] = {}

    class Parsers(PylosCLI):
        def parse_arguments(self, parser: Any, args: Any) -> None:
            found.update(subcommand_parsers(self))
            raise SystemExit

    for name in LIGHTNING_COMMANDS:  # the parsers of the other subcommands have no options yet
        try:
            Parsers([name, "--help"])
        except SystemExit:
            continue
    return found


def lightning_section(name: str, parsers: dict[str, Any]) -> Iterator[str]:
    """The options of one of Lightning's subcommands; those that `fit` has, too, are only listed there."""
    parser = parsers[name]
    known = {action.dest for action in parsers["fit"]._actions} if name != "fit" else set()
    groups: dict[str, list[Any]] = {}
    for action in parser._actions:
        if action.dest not in known or action.dest == "ckpt_path":
            group = action.dest.split(".")[0]
            groups.setdefault(group if group in GROUPS else "", []).append(action)
    yield f"{LIGHTNING_COMMANDS[name][0].upper()}{LIGHTNING_COMMANDS[name][1:]}."
    if known:
        yield "It takes the options of [`pylos fit`](#pylos-fit), and:"
    for group in ("", *GROUPS):
        if group in groups and group:
            yield f"### `--{group}`: {GROUPS[group]}"
        elif group not in groups:
            continue
        yield _table(_rows(parser, groups[group]))


def _rows(parser: argparse.ArgumentParser, actions: Iterable[argparse.Action]) -> Iterator[tuple[str, str]]:
    formatter = parser._get_formatter()
    for action in actions:
        if action.help in (None, argparse.SUPPRESS) or action.dest == "help" or action.dest.endswith(".help"):
            continue
        names = [name for name in action.option_strings if not name.endswith("+")]
        value = action.metavar or (
            formatter._get_default_metavar_for_optional(action) if names else action.dest
        )
        # A long one says what kinds of values there are, which the text says better.
        # That of Lightning's options is the name once more.
        value = (
            value if action.nargs != 0 and re.fullmatch(r"\w+", str(value)) and "." not in action.dest else ""
        )
        shown = ", ".join(f"`{name} {value}`" if value else f"`{name}`" for name in names) or f"`{value}`"
        yield shown, _escaped(formatter._expand_help(action))


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(["| | |\n|---|---|", *(f"| {name} | {text} |" for name, text in rows)])


def _escaped(text: str) -> str:
    """A help text as Markdown."""
    text = re.sub(r":\w+:`~?", "`", text)
    text = re.sub(r"([|<>*\[\]])", r"\\\1", " ".join(text.split()))
    pages = "|".join(sorted(path.stem for path in (ROOT / "docs").glob("*.md")))
    return re.sub(rf"docs/({pages})\.md", r"[\g<0>](../\1.md)", text)
