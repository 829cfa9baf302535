import pytest


@pytest.mark.parametrize("path", ["/", "/puzzles", "/runs"])
def test_every_page_opens(page, path):
    assert page.goto(path).ok
    assert "Pylos" in page.title()
