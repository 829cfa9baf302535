"""The board alone, in a page without anything else."""

import pytest

START = "w....ww..bb....b/........./..../. w 0"
"""White may raise the ball on 1A1 to 2B2, and place there or on the ground."""
SQUARE = ".....ww..ww...../........./..../. w 2"
"""White may take two of its balls back."""
PYRAMID = "bbwwbwbbwwwwwbwb/wbwwbwbbb/bww./. b 0"


both = pytest.mark.parametrize("mode", ["flat", "3d"])


@both
def test_clicks_place_and_raise(board, mode):
    board.build(START, mode=mode)
    board.click("1C1")
    assert board.played == ["1C1"]
    board.click("1B2")  # a ball that carries nothing, but cannot be raised: its square would not stand
    assert (board.played, board.selected) == (["1C1"], None)
    board.click("1A1")
    assert (board.played, board.selected) == (["1C1"], "1A1")
    board.click("2B2")
    assert (board.played, board.selected) == (["1C1", "1A1^2B2"], None)


@both
def test_a_selection_ends_by_a_click_anywhere(board, mode):
    board.build(START, mode=mode)
    for end in ("1A1", "1C1", "1D4"):
        board.click("1A1")
        assert board.selected == "1A1"
        board.click(end)
        assert (board.selected, board.played) == (None, [])
    board.click("1A1")
    board.page.keyboard.press("Escape")
    assert board.selected is None


def test_without_a_reserve_a_target_is_clicked_after_the_ball(board):
    board.build("wbbwwbbwwwwwbwbb/bbwwbwwwb/.w../. w 0")  # two balls can be raised to 3A1, two to 3B2
    board.page.mouse.move(*board.point("3A1"))
    board.evaluate("frames()")
    assert board.page.locator(".rim-other").count() == 4  # two balls, each drawn twice
    board.click("3A1")
    assert (board.selected, board.played) == (None, [])
    board.click("2C2")
    board.click("3A1")
    assert board.played == ["2C2^3A1"]


@both
def test_a_dragged_ball_is_raised(board, mode):
    board.build(START, mode=mode)
    board.drag(board.point("1A1"), board.point("1C1"))  # no target of a raise: it lies down again
    assert (board.selected, board.played) == (None, [])
    board.drag(board.point("1A1"), board.point("2B2"))
    assert board.played == ["1A1^2B2"]


def test_dragging_the_camera_plays_nothing(board):
    board.build(START, mode="3d")
    before = board.point("1D2")
    board.drag(board.point("1C1"), board.point("1B1"))  # both are legal
    board.drag(board.point("1D4"), board.point("1C1"))  # from a black ball
    assert board.played == []
    assert board.point("1D2") != before
    board.click("1C1")
    assert board.played == ["1C1"]
    board.page.get_by_label("Turn the board back").click()
    assert board.point("1D2") == before


def test_a_press_that_ends_elsewhere_drags_nothing(board):
    board.build(START, mode="3d")
    before = board.point("1D2")
    board.page.mouse.move(248, 100)
    board.page.mouse.down()
    board.page.mouse.move(252, 100)
    board.page.mouse.up()
    board.page.mouse.move(200, 100)
    board.page.mouse.move(100, 100)
    assert board.point("1D2") == before


def test_the_camera_keeps_its_limits_and_the_board_in_sight(board):
    board.build(PYRAMID, mode="3d")
    for right, down in ((0, 5000), (300, -9000), (-77, 4000)):
        board.page.evaluate("([right, down]) => board.turn(right, down)", [right, down])
        assert 0.2 < board.evaluate("board.camera.tilt") < 1.55
        points = [board.point(name) for name in board.cells]
        assert all(0 < x < 250 and 0 < y < 250 for x, y in points)
    board.page.mouse.move(125, 125)
    board.page.mouse.wheel(0, -10000)
    board.wait("board.camera.zoom === 3")


@both
def test_balls_are_taken_back_by_clicks(board, mode):
    board.build(SQUARE, mode=mode)
    board.click("1D1")
    assert board.played == []
    board.click("1C3")
    assert board.played == ["-1C3"]


@both
def test_the_board_fits_any_size(board, mode):
    board.build(START, mode=mode)
    assert board.page.locator(".board-reserve").count() == (2 if mode == "3d" else 0)  # no room for trays
    for width, height in ((660, 490), (490, 640)):
        board.page.evaluate(
            "([w, h]) => Object.assign(board.element.style, { width: `${w}px`, height: `${h}px` })",
            [width, height],
        )
        board.evaluate("frames()")
        assert all(0 < x < width and 0 < y < height for x, y in map(board.point, board.cells))
        board.click("1D2")
        assert board.played[-1] == "1D2"
    assert board.page.locator(".board-reserve").count() == 0


@both
def test_every_legal_cell_can_be_clicked_in_its_middle(board, mode):
    start = "wbbbbbw.bwbbwwb./b..ww.wb./..w./. w 0"
    board.build(start, mode=mode)
    state = board.evaluate("view.state")
    for target in {entry["target"] for entry in state["legal"] if entry["kind"] == "place"}:
        board.click(board.cells[target])
        assert board.played[-1] == board.cells[target]
    for source in {entry["source"] for entry in state["legal"] if entry["kind"] == "raise"}:
        board.click(board.cells[source])
        assert board.selected == board.cells[source]
        board.click(board.cells[source])


def test_both_views_show_the_same_and_ghosts_can_be_hidden(board):
    board.build(START)
    seen = """(async () => {
      let scene; const draw = board.drawing.draw.bind(board.drawing);
      board.drawing.draw = (given, ...rest) => { scene = structuredClone(given); draw(given, ...rest); };
      board.request(); await frames(); return scene; })()"""
    flat = board.evaluate(seen)
    assert {ghost["cell"] for ghost in flat["ghosts"]} == {
        entry["target"] for entry in board.evaluate("view.state.legal")
    }
    assert len(flat["balls"]) == 30
    board.evaluate("board.mode = '3d'")
    assert board.evaluate("board.turns")
    assert board.evaluate(seen) == flat
    board.evaluate("board.show({ ...view, ghosts: false })")
    assert board.evaluate(seen)["ghosts"] == []
    board.click("1C1")
    assert board.played == ["1C1"]


def test_nobody_acts_when_it_is_not_their_turn(board):
    board.build(START, interactive=False)
    board.click("1C1")
    board.click("1A1")
    board.evaluate("board.keys.buttons[3].click()")
    assert (board.played, board.selected) == ([], None)


def test_a_free_board_is_edited(board):
    board.build(START, setup=True)
    board.evaluate("board.addEventListener('select', ({ detail }) => played.push(detail.cell))")
    board.click("1C1")
    board.click("1D4")
    assert board.played == [board.cells.index("1C1"), board.cells.index("1D4")]


def test_the_keyboard_alone(board):
    board.build(START)
    keys = board.page.keyboard
    keys.press("Tab")
    assert board.focused() == "level 1, row A, column 1: white ball, can be raised"
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowRight", "ArrowDown"):
        keys.press(key)
    assert board.focused() == "level 1, row B, column 4: free, a ball can be placed"
    keys.press("Enter")
    assert board.played == ["1B4"]
    for key in ("ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowLeft", "Enter"):
        keys.press(key)
    assert board.focused() == "level 1, row A, column 1: white ball, selected"
    keys.press("Escape")
    assert board.selected is None
    for key in ("Enter", "PageUp", "ArrowUp", "ArrowRight"):
        keys.press(key)
    assert board.focused() == "level 2, row B, column 2: free, the selected ball can be raised to it"
    keys.press("Enter")
    assert board.played == ["1B4", "1A1^2B2"]
    assert board.evaluate("document.querySelectorAll('.board-focus').length") == 1
    keys.press("-")
    assert board.focused().startswith("level 1")


def test_arrows_follow_what_is_seen(board):
    board.build(START, mode="3d")
    board.evaluate("board.turn(-300, 0)")  # half around
    board.page.keyboard.press("Tab")
    board.page.keyboard.press("ArrowDown")  # row A is far away
    assert board.focused().startswith("level 1, row B, column 1")


def test_the_small_board_has_no_ground(board):
    board.build(rules="mini-standard")
    board.page.keyboard.press("Tab")
    assert board.focused() == "level 2, row A, column 1: free, a ball can be placed"
    board.page.keyboard.press("PageDown")
    assert board.focused().startswith("level 2")
    board.click("2C3")
    assert board.played == ["2C3"]


@both
def test_levels_are_peeled_off(board, mode):
    board.build(PYRAMID, mode=mode)
    board.evaluate("(async () => { board.peel = 2; await frames(); })()")
    board.page.mouse.move(*board.point("2B2"))  # under a ball of level 3
    assert board.cells[board.evaluate("board.hover")] == "2B2"
    board.click("4A1")  # hidden, and no target now
    assert board.played == []
    board.evaluate("board.peel = 4")
    board.page.mouse.move(*board.point("3B2"))
    assert board.cells[board.evaluate("board.hover")] == "3B2"
    for shown in (3, 2, 1, 4):
        board.page.locator(".board-tools button").first.click()
        assert board.evaluate("board.peel") == shown


def test_a_ball_shows_what_it_rests_on(board):
    board.build(PYRAMID)
    board.page.mouse.move(*board.point("3A2"))
    board.page.wait_for_selector(".board-label")
    assert board.page.text_content(".board-label") == "3A2 white"
    assert board.page.locator(".rim-below").count() == 8  # four balls, each drawn twice


@both
def test_nothing_is_drawn_while_nothing_changes(board, mode):
    board.build(START, mode=mode)
    drawn = board.evaluate("board.draws")
    board.page.wait_for_timeout(200)
    assert board.evaluate("board.draws") == drawn
    board.evaluate("board.resetCamera()")
    board.wait(f"board.draws === {drawn + 1}")


def test_without_webgl_the_board_is_flat(board):
    board.page.evaluate("""() => {
      const get = HTMLCanvasElement.prototype.getContext;
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.startsWith("webgl") ? null : get.call(this, kind, ...rest);
      };
    }""")
    board.build(START, mode="3d")
    assert not board.evaluate("board.turns")
    board.click("1C1")
    assert board.played == ["1C1"]


def test_a_lost_context_leaves_the_flat_board(board):
    board.build(START, mode="3d")
    board.evaluate("board.drawing.gl.getExtension('WEBGL_lose_context').loseContext()")
    board.wait("!board.turns")
    board.click("1C1")
    assert board.played == ["1C1"]
    board.evaluate("board.mode = '3d'")
    assert board.evaluate("board.turns")


def test_balls_move_unless_motion_is_unwanted(board):
    board.build(START)
    raised = """(async (speed) => {
      const state = await states([view.state.legal.find(({ name }) => name === "1A1^2B2").action]);
      board.speed = speed;
      board.show({ ...view, state }, { animate: { actions: [34], from: view.state } });
      return board.motion.tracks.length; })"""
    assert board.evaluate(f"{raised}(60)") == 0  # the fixture asks for reduced motion
    board.page.emulate_media(reduced_motion="no-preference")
    assert board.evaluate(f"{raised}(0)") == 0
    assert board.evaluate(f"{raised}(60)") == 1
    board.evaluate("frames()")
    drawn = board.evaluate("board.draws")
    board.wait(f"board.draws > {drawn}")
    board.evaluate("board.show(view)")  # ends the motion at once
    assert board.evaluate("board.motion.tracks.length") == 0
    assert board.evaluate(f"{raised}(0.05)") == 1
    board.wait("board.motion.tracks.length === 0")


@both
def test_a_raised_ball_flies_above_the_others(board, mode):
    """Half of its way it is between both cells and higher, and the picture shows it."""
    board.build(START, mode=mode)
    board.page.emulate_media(reduced_motion="no-preference")
    pictures = [board.page.locator("main").screenshot()]
    after = """async (part) => {
      const { action } = view.state.legal.find(({ name }) => name === "1A1^2B2");
      const state = await states([action]);
      board.speed = 1e6;
      board.show({ ...view, state }, { animate: { actions: [action], from: view.state } });
      board.motion.begun -= 1e9 * part;
      const scene = { balls: [{ side: "white", cell: 20, slot: null }], ghosts: [] };
      board.motion.apply(scene, performance.now(), board.drawing);
      await frames();
      return [scene.balls[0].at, ...[0, 20].map((cell) => board.drawing.place({ cell, side: "white" }))]; }"""
    at, start, end = board.page.evaluate(after, 0.4)
    assert at[:2] == pytest.approx([(a + b) / 2 for a, b in zip(start, end, strict=True)][:2], abs=0.01)
    assert at[2] > max(start[2], end[2])
    pictures.append(board.page.locator("main").screenshot())
    assert board.page.evaluate(after, 1)[0] is None
    pictures.append(board.page.locator("main").screenshot())
    assert len(set(pictures)) == 3


def test_arrows_and_rings(board):
    arrow = {"weight": 1, "tone": "best"}
    board.build(
        START,
        arrows=[
            {"action": {"kind": "raise", "source": 0, "target": 20}, **arrow},
            {"action": {"kind": "take", "source": 5, "target": None}, **arrow},
            {"action": {"kind": "place", "source": None, "target": 1}, **arrow},
            {"action": {"kind": "stop", "source": None, "target": None}, **arrow},
        ],
    )
    assert board.page.locator("path.arrow").count() == 2
    assert board.page.locator(".arrow-ring").count() == 1


def test_a_whole_turn_moves_every_ball_of_it(board):
    board.build(".....ww..w....b./........./..../. w 0")
    board.page.emulate_media(reduced_motion="no-preference")
    tracks = board.evaluate("""(async () => {
      const actions = [];
      let state = view.state;
      for (const name of ["1C3", "-1C3", "-1B2"]) {
        actions.push(state.legal.find((entry) => entry.name === name).action);
        state = await states(actions);
      }
      board.speed = 60;
      board.show({ ...view, state }, { animate: { actions, from: view.state } });
      board.show({ ...view, state }); // the same again: the motion goes on
      return board.motion.tracks; })()""")
    ways = sorted(
        [leg["from"].get("cell"), leg["to"].get("cell")] for track in tracks for leg in track["legs"][-1:]
    )
    assert ways == [[5, None], [10, None]]
    assert sorted(len(track["legs"]) for track in tracks) == [1, 2]  # one was placed and taken back
    assert len({track["legs"][-1]["to"]["slot"] for track in tracks}) == 2
