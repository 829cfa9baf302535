"""The page of the runs, over copies of the runs that ship and over a training that is going on."""

import json
import re
import shutil
import subprocess

from tests.browser.conftest import HOSTILE, REFERENCE, copy_run
from tests.support.commands import ENVIRONMENT, PYLOS
from tests.support.training import config_text


def curves(page, title):
    """The points of the curves in a chart."""
    lines = page.get_by_role("region", name=title, exact=True).locator(".plot-area .plot-line")
    return [
        line.split() for line in lines.evaluate_all("(lines) => lines.map((l) => l.getAttribute('points'))")
    ]


def drag(page, title, start, end):
    area = page.get_by_role("region", name=title, exact=True).locator(".plot-area")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    page.mouse.move(box["x"] + start * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + 50, steps=3)
    page.mouse.up()


def look_again(page):
    """The page asks the server when it comes to sight, and need not be waited for."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_the_list_shows_runs_by_rules_and_the_address_keeps_the_choice(page, runs):
    page.goto("/runs")
    cards = page.locator(".run")
    cards.filter(has_text="first").wait_for()
    text = cards.filter(has_text="first").inner_text()
    assert all(part in text for part in ("finished", "200 of 200 epochs", "Elo 3,310 (3,114 to 3,538)"))
    assert cards.filter(has_text=HOSTILE).count() == 1
    page.get_by_role("radio", name=re.compile("^Mature")).first.check()
    assert cards.get_by_role("link").all_inner_texts() == ["second"]
    page.reload()
    page.locator(".run").first.wait_for()
    assert cards.get_by_role("link").all_inner_texts() == ["second"]


def test_a_run_that_starts_shows_without_reload(page, runs):
    page.goto("/runs")
    page.locator(".run").filter(has_text="first").wait_for()
    assert page.locator(".run").filter(has_text="newcomer").count() == 0
    copy_run(REFERENCE / "mature-optional", runs / "newcomer")
    look_again(page)
    page.locator(".run").filter(has_text="newcomer").wait_for()
    shutil.rmtree(runs / "newcomer")
    look_again(page)
    page.locator(".run").filter(has_text="newcomer").wait_for(state="detached")


def test_without_runs_the_page_says_how_to_start_one(page):
    empty = {
        "status": 200,
        "content_type": "application/json",
        "body": json.dumps({"folder": "logs", "runs": []}),
    }
    page.route("**/api/1/runs", lambda route: route.fulfill(**empty))
    page.goto("/runs")
    page.get_by_role("heading", name="No run yet").wait_for()
    assert page.get_by_text("make train").is_visible()


def test_a_run_has_curves_and_checkpoints(page, runs):
    page.goto("/runs?run=first")
    page.get_by_role("region", name="Elo", exact=True).locator(".plot-band").wait_for()
    assert [len(points) for points in curves(page, "Elo")] == [20]
    assert [len(points) for points in curves(page, "Losses")] == [200, 200, 200]
    assert len(curves(page, "Decisions that keep the exact value")) == 3
    assert page.get_by_text("random play").first.is_visible()
    rows = page.locator(".checkpoints tbody tr")
    assert rows.count() == 20
    best = rows.filter(has_text="best-052000.ckpt")
    assert all(part in best.inner_text() for part in ("Expert", "52,000", "3,287"))
    assert all(part in rows.first.inner_text() for part in ("80,000", "3,310", "file gone"))
    assert "file gone" in rows.last.inner_text()
    assert best.get_by_role("link", name="Play").get_attribute("href") == (
        "/?opponent=run%3Afirst%2Fbest-052000.ckpt&rules=standard"
    )
    page.get_by_label("Compare best-052000.ckpt").check()
    page.get_by_label("Compare best-048000.ckpt").check()
    page.reload()
    assert page.get_by_label("Compare best-052000.ckpt").is_checked()
    assert page.get_by_role("link", name="Let these two").get_attribute("href") == (
        "/?white=run%3Afirst%2Fbest-052000.ckpt&black=run%3Afirst%2Fbest-048000.ckpt&rules=standard"
    )
    page.get_by_label("Find").fill("48,000".replace(",", ""))
    assert rows.count() == 1
    page.get_by_label("Find").fill("nothing like it")
    assert page.get_by_text("No checkpoint fits").is_visible()


def test_zoom_hidden_curves_and_charts_on_demand_survive_a_reload(page, runs):
    page.goto("/runs?run=first")
    page.get_by_role("region", name="Losses", exact=True).locator(".plot-area").wait_for()
    drag(page, "Losses", 0.3, 0.6)
    losses = page.get_by_role("region", name="Losses", exact=True)
    losses.get_by_role("button", name="value").click()
    page.get_by_label("Search by kind of position").check()
    assert len(curves(page, "Search by kind of position")) == 4
    ticks = losses.locator(".plot-axes text[text-anchor=middle]").all_inner_texts()
    assert ticks[0] != "10"
    page.reload()
    losses.locator(".plot-area").wait_for()
    assert losses.locator(".plot-axes text[text-anchor=middle]").all_inner_texts() == ticks
    assert len(curves(page, "Losses")) == 2
    assert len(curves(page, "Search by kind of position")) == 4
    assert page.get_by_role("button", name="Reset zoom").count() == 7  # one zoom for all charts


def test_two_runs_lie_over_each_other(page, runs):
    page.goto("/runs?run=first&with=second")
    page.get_by_role("region", name="Elo", exact=True).get_by_role("button", name="second: Elo").wait_for()
    assert [len(points) for points in curves(page, "Elo")] == [20, 14]
    page.get_by_label("Lay another run over it").select_option("")
    assert len(curves(page, "Elo")) == 1
    page.get_by_label("Lay another run over it").select_option(HOSTILE)
    page.get_by_role("button", name=f"{HOSTILE}: Elo").wait_for()
    assert f"with={HOSTILE[:4].replace('<', '%3C')}" in page.url


def test_a_page_grows_while_a_training_writes(page, runs, tmp_path):
    page.goto("/runs")
    page.locator(".run").first.wait_for()
    config = tmp_path / "tiny.yaml"
    config.write_text(
        config_text(max_epochs=1000, games=4, evaluation_games=2, simulations=2, batches_per_epoch=2)
    )
    place = ["--trainer.logger.init_args.save_dir", runs, "--trainer.logger.init_args.version", "tiny"]
    with subprocess.Popen(
        [PYLOS, "fit", "-c", config, *place],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as training:
        try:
            page.locator(".run").filter(has_text="tiny").wait_for(timeout=60_000)
            page.get_by_role("link", name="tiny").click()
            losses = page.get_by_role("region", name="Losses", exact=True)
            losses.locator(".plot-area .plot-line").first.wait_for(state="attached", timeout=60_000)
            assert page.locator(".badge.training").count() == 1
            losses.get_by_role("button", name="value").click()
            page.evaluate("scrollTo(0, 300)")
            before = len(curves(page, "Losses")[0])
            while len(curves(page, "Losses")[0]) == before:
                page.wait_for_timeout(100)
            assert len(curves(page, "Losses")) == 2
            assert page.evaluate("scrollY") == 300
            page.locator(".checkpoints tbody tr").filter(has_text="evaluated").first.wait_for(timeout=60_000)
        finally:
            training.kill()
            training.wait()
    look_again(page)
    page.locator(".badge.stopped").wait_for()
    known = len(curves(page, "Losses")[0])
    written = len((runs / "tiny" / "metrics.csv").read_text().splitlines()) - 1
    assert known == written  # no point without progress
    page.get_by_role("radio", name="minutes").check()
    assert losses.locator(".plot-unit").text_content() == "minute"


def test_the_page_says_when_the_server_is_gone_and_goes_on(browser, server, runs):
    # Not the usual page: the browser itself writes into the console that a request failed.
    with browser.new_context(base_url=server) as context:
        page = context.new_page()
        page.goto("/runs")
        page.locator(".run").first.wait_for()
        page.route("**/api/1/runs", lambda route: route.abort())
        look_again(page)
        page.get_by_text("The server does not answer").wait_for()
        assert page.locator(".run").first.is_visible()
        page.unroute("**/api/1/runs")
        look_again(page)
        page.get_by_text("The server does not answer").wait_for(state="hidden")


def test_a_run_that_is_not_there_is_explained(browser, server, runs):
    with browser.new_context(base_url=server) as context:
        page = context.new_page()
        page.goto("/runs?run=nothing")
        page.get_by_text("there is no run 'nothing'").wait_for()
