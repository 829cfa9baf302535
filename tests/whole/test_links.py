"""The links of all pages that are written by hand: files and headings exist.

Sphinx checks them once more where it builds the site. Addresses on the internet are listed here and not fetched,
because the tests need no network; `python -m sphinx -b linkcheck docs docs/_build/links` fetches them.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.pages import PAGES, ROOT, anchors, links, name_of

MADE = ROOT / "docs" / "reference"
"""Pages that only the site has; Sphinx checks the links to them."""
HOSTS = {"arxiv.org", "doi.org", "keepachangelog.com", "openreview.net"}
"""Where links to the internet lead."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path):
    for link in links(page):
        assert not re.search(r"\s", link), f"a link must not be broken: {link}"
        address = urlsplit(link)
        if address.scheme:
            assert address.scheme == "https", link
            assert address.netloc in HOSTS, link
            continue
        target = (page.parent / address.path).resolve() if address.path else page
        assert target.is_relative_to(ROOT), link
        if target.parent == MADE:
            assert page.name != "README.md", f"{link} is no file of the project"
            continue
        assert target.exists(), link
        if address.fragment:
            assert address.fragment in anchors(target), link


def test_every_host_is_needed():
    found = {urlsplit(link).netloc for page in PAGES for link in links(page)}
    assert found - {""} == HOSTS


def test_every_page_is_reachable_from_the_first():
    """Not in the sidebar of the site alone: somebody may read the files."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        targets = {(page.parent / urlsplit(link).path).resolve() for link in links(page)}
        waiting += [path for path in targets if path in PAGES and path not in reached]
    # These consist of the files at the top.
    shown = {f"docs/{name}.md" for name in ("index", "contributing", "changelog")}
    assert {name_of(page) for page in set(PAGES) - reached} == shown
