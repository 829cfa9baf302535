"""States from a file pass the door if they look like their table; everything else is one sentence."""

import math

import pytest
import torch

from pylos.errors import CheckpointError
from pylos.system.options import Range
from pylos.system.schema import Array, Choice, Each, Maybe, Only, Row, check_state

SCHEMA = {
    "count": Range(int, 0, 100),
    "rate": Range(float, 0, 1),
    "kind": Choice(("auto", "float32")),
    "name": str,
    "note": Maybe({"text": str}),
    "items": Each({"ply": Range(int, 0, 5)}, least=1),
    "pair": Row(Range(int, 0, 9), 2),
    "list": Row(int),
    "closed": Only({"a": int}),
    "actions": Array("int16", "CK", 0, 302),
    "values": Array("float32", "C", -1, 1),
    "weights": Array("bfloat16", "K"),
    "seen": Array("bool", "C"),
}


def _state(**changes):
    state = {
        "count": 3,
        "rate": 1,
        "kind": "auto",
        "name": "x",
        "note": None,
        "items": [{"ply": 5}],
        "pair": [0, 9],
        "list": [],
        "closed": {"a": 1},
        "actions": torch.tensor([[0, 302], [1, 2], [3, 4]], dtype=torch.int16),
        "values": torch.tensor([-1.0, 0, 1]),
        "weights": torch.ones(2, dtype=torch.bfloat16),
        "seen": torch.ones(3, dtype=torch.bool),
        "more": object(),
    }
    return {**state, **changes}


def test_a_state_that_looks_like_its_table_passes():
    check_state(_state(), SCHEMA, "state", C=3)
    check_state(_state(note={"text": "x"}, items={"a": {"ply": 0}}), SCHEMA, "state")
    empty = _state(
        actions=torch.zeros(0, 2, dtype=torch.int16), values=torch.zeros(0), seen=torch.zeros(0) > 0
    )
    check_state(empty, SCHEMA, "state")


NAN = torch.tensor([0.0, math.nan, 0.0])
FLAWS = [
    ({"count": 101}, "state['count'] must be a whole number from 0 to 100, but is 101"),
    ({"count": True}, "but is True"),
    ({"count": torch.tensor(3)}, "but is tensor(3)"),
    ({"count": 10**9999}, "thousands of digits"),
    ({"rate": math.nan}, "but is nan"),
    ({"rate": "1"}, "but is '1'"),
    ({"kind": "int8"}, "state['kind'] must be 'auto' or 'float32', but is 'int8'"),
    ({"kind": NAN}, "state['kind'] must be"),
    ({"name": 3}, "state['name'] must be of type str, but is 3"),
    ({"note": {}}, "state['note'] lacks 'text'"),
    ({"note": 3}, "state['note'] must be a dictionary, but is 3"),
    ({"items": []}, "at least 1 entries"),
    ({"items": 3}, "state['items'] must be a list"),
    ({"pair": [1]}, "state['pair'] must be a list of 2, but is [1]"),
    ({"pair": {0: 1, 1: 2}}, "state['pair'] must be a list of 2"),
    ({"pair": [1, 10]}, "state['pair'][1] must be a whole number from 0 to 9, but is 10"),
    ({"list": {"a": 1}}, "state['list'] must be a list, but is {'a': 1}"),
    ({"list": [1, "2"]}, "state['list'][1] must be of type int"),
    ({"closed": {"a": 1, "b": 2}}, "there is no value 'b' in state['closed']"),
    ({"closed": {"b": 2}}, "state['closed'] lacks 'a'"),
    ({"closed": 3}, "state['closed'] must be a dictionary"),
    ({"items": [{"ply": 0}, {"ply": -1}]}, "state['items'][1]['ply']"),
    ({"actions": torch.full((3, 2), 303, dtype=torch.int16)}, "int16 [C, K] from 0 to 302, but holds 303"),
    ({"actions": torch.full((3, 2), -32768, dtype=torch.int16)}, "holds -32768"),
    ({"actions": torch.zeros(3, 2, dtype=torch.int64)}, "but is int64 [3, 2]"),
    ({"actions": torch.zeros(3, 2, 1, dtype=torch.int16)}, "but is int16 [3, 2, 1]"),
    ({"actions": torch.zeros(4, 2, dtype=torch.int16)}, "C is 3 elsewhere"),
    ({"actions": [[1, 2]]}, "but is [[1, 2]]"),
    ({"actions": torch.zeros(3, 2, dtype=torch.int16).to_sparse()}, "another kind"),
    ({"actions": torch.zeros(3, 2, dtype=torch.int16, device="meta")}, "another kind"),
    ({"values": torch.zeros(3, requires_grad=True)}, "another kind"),
    ({"values": torch.nn.Parameter(torch.zeros(3))}, "state['values'] must be float32 [C]"),
    ({"values": torch.zeros(1).expand(3)}, "a view of something else"),
    ({"values": NAN}, "an infinity or NaN"),
    ({"values": torch.full((3,), 1.5)}, "float32 [C] from -1 to 1, but holds 1.5"),
    ({"weights": torch.full((2,), math.inf, dtype=torch.bfloat16)}, "an infinity or NaN"),
]


@pytest.mark.parametrize(("changes", "flaw"), FLAWS, ids=[flaw for _, flaw in FLAWS])
def test_what_does_not_is_refused_in_one_line(changes, flaw):
    with pytest.raises(CheckpointError) as caught:
        check_state(_state(**changes), SCHEMA, "state", C=3)
    assert flaw in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", SCHEMA)
def test_nothing_may_be_missing(name):
    state = _state()
    del state[name]
    with pytest.raises(CheckpointError, match=f"^state lacks '{name}'$"):
        check_state(state, SCHEMA, "state")


@pytest.mark.parametrize("state", [None, 3, [], torch.zeros(2)])
def test_the_whole_may_be_of_another_kind(state):
    with pytest.raises(CheckpointError, match=r"^state must be a dictionary"):
        check_state(state, SCHEMA, "state")
