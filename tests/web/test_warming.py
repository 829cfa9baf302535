"""What is warmed up is what the first game needs."""

from types import SimpleNamespace

from pylos.errors import TableError
from pylos.players.naming import REFERENCE
from pylos.web.settings import Settings
from pylos.web.tables import Tables
from pylos.web.warming import warm_up


def test_agents_and_tables_are_warmed_up(solved):
    warmed = []
    service = SimpleNamespace(warm_up=lambda *agents: warmed.extend(agents))
    warm_up(SimpleNamespace(settings=Settings("children"), service=service, tables=Tables()))
    assert [(agent.name, agent.rules) for agent in warmed] == [(REFERENCE, "children")]
    warm_up(SimpleNamespace(settings=Settings("mini-mature"), service=service, tables=(tables := Tables())))
    assert warmed[-1].rules == "mini-mature"
    assert tables._open


def test_a_damaged_table_is_said_and_stops_nothing(capsys):
    def damaged(rules):
        raise TableError(f"{rules}.values is damaged")

    service, tables = SimpleNamespace(warm_up=lambda *agents: None), SimpleNamespace(warm_up=damaged)
    warm_up(SimpleNamespace(settings=Settings(), service=service, tables=tables))
    assert capsys.readouterr().err == "pylos: standard.values is damaged\n"
