"""What there is, as the page asks for it."""

from pylos.game.rules import RULES
from pylos.web.info import how_to_play, rules_title
from pylos.web.settings import Settings
from tests.support.serving import client_of


def info(**settings):
    with client_of(Settings(**settings)) as client:
        return client.get("/api/1/info").json()


def test_rules_cells_and_defaults(solved, tmp_path):
    found = info(rules="mature", level="club", ckpt_path="mine.ckpt", runs=tmp_path)
    assert [entry["name"] for entry in found["rules"]] == list(RULES)
    assert {entry["name"] for entry in found["rules"] if entry["distances"]} == {
        r for r in RULES if "mini" in r
    }
    assert found["defaults"] == {"rules": "mature", "level": "club", "opponent": "given"}
    assert (found["version_api"], found["runs"]) == (1, True)
    assert len({entry["title"] for entry in found["rules"]}) == len(RULES)
    apex = found["cells"][29]
    assert (apex["name"], apex["level"], apex["below"]) == ("4A1", 3, [25, 26, 27, 28])
    assert found["load"] == {"searches": 0, "waiting": 0}
    assert str(tmp_path) not in str(found)


def test_what_is_not_there(unsolved):
    found = info()
    assert not any(entry["solved"] for entry in found["rules"])
    assert found["rules"][1]["solve"]["command"] == "pylos solve --rules standard --distance"
    assert (found["runs"], found["defaults"]["opponent"]) == (False, None)


def test_rules_have_titles():
    assert rules_title("standard") == "Standard"
    assert rules_title("mini-mature-optional") == "Mature (small board, take-back optional)"


def test_the_rules_are_explained():
    def taking(rules):
        return dict(how_to_play(rules)[5:])

    assert "no ball is ever taken back" in taking("children")["Taking back"]
    assert "take one or two of your free balls" in taking("standard")["Taking back"]
    assert "take none, one or two" in taking("standard-optional")["Taking back"]
    assert "(4 on the lowest level or 3 on the second level)" in taking("mature")["Taking back"]
    assert "(3 on the lowest level)" in taking("mini-mature")["Taking back"]
    assert "3rd time, or after 200 actions" in taking("mature")["Draws"]
    assert "Each side has 7 balls in reserve" in dict(how_to_play("mini-children"))["A turn"]
