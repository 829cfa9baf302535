"""The charts: `js/plot.js` on an empty page."""

import pytest

START = """
async () => {
    const { lineChart } = await import("/static/js/plot.js");
    const link = document.createElement("link");
    Object.assign(link, { rel: "stylesheet", href: "/static/css/plot.css" });
    const loaded = new Promise((resolve) => (link.onload = resolve));
    document.head.append(link);
    await loaded;
    const element = document.createElement("div");
    element.style.width = "600px";
    document.body.replaceChildren(element);
    window.heard = [];
    window.curves = (last) => {
        const x = Array.from({ length: last + 1 }, (_, i) => i);
        return [
            { name: "rising", points: x.map((i) => [i, i]), low: x.map((i) => i - 5), high: x.map((i) => i + 5) },
            { name: "<b>flat</b>", points: x.map((i) => [i, i % 5 ? null : 100]) },
        ];
    };
    window.chart = lineChart(element, {
        title: "Test", x: { label: "epoch", whole: true }, y: { whole: true }, series: curves(100),
        onView: (view) => heard.push(["view", view]), onPick: (x) => heard.push(["pick", x]),
        onToggle: (hidden) => heard.push(["toggle", [...hidden]]),
    });
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
}
"""


@pytest.fixture
def chart(page):
    blank = "<!doctype html><title>Chart</title>"
    page.route("**/blank", lambda route: route.fulfill(content_type="text/html", body=blank))
    page.goto("/blank")
    page.evaluate(START)
    return page


def drag(page, start, end):
    """Drags over a part of the chart, in shares of its width."""
    box = page.locator(".plot-area").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=4)
    page.mouse.up()


def ticks(page):
    """The numbers along the axis of x."""
    return page.evaluate(
        "[...document.querySelectorAll('.plot-axes text[text-anchor=middle]')].map((t) => t.textContent)"
    )


def test_a_chart_has_axes_curves_bands_and_the_last_values(chart):
    assert ticks(chart) == ["0", "10", "20", "30", "40", "50", "60", "70", "80", "90", "100", "epoch"]
    assert chart.locator("polyline.plot-line").count() == 2
    assert chart.locator(".plot-band").count() == 1
    assert chart.locator(".plot-legend button").all_inner_texts() == [
        "rising\n100 (95 to 105)",
        "<b>flat</b>\n100",
    ]
    dashes = chart.locator(".plot-area .plot-line").evaluate_all(
        "(lines) => lines.map((line) => line.getAttribute('stroke-dasharray'))"
    )
    assert len(set(dashes)) == 2


def test_a_drag_zooms_and_an_update_keeps_zoom_and_hidden_curves(chart):
    drag(chart, 0.5, 0.75)
    low, high = chart.evaluate("chart.view")
    assert 40 < low < 55 < 65 < high < 80
    chart.get_by_role("button", name="<b>flat</b>").click()
    assert chart.locator(".plot-area .plot-line").count() == 1
    chart.evaluate("chart.update({ series: curves(500) })")
    assert chart.evaluate("chart.view") == [low, high]
    assert chart.locator(".plot-area .plot-line").count() == 1
    assert chart.get_by_role("button", name="<b>flat</b>").get_attribute("aria-pressed") == "false"
    chart.get_by_role("button", name="Reset zoom").click()
    assert chart.evaluate("chart.view") is None
    assert ticks(chart)[-2] == "500"
    assert chart.evaluate("heard") == [["view", [low, high]], ["toggle", ["<b>flat</b>"]], ["view", None]]


def test_an_update_with_the_same_points_changes_nothing(chart):
    before = chart.locator(".plot-area .plot-line").first.get_attribute("points")
    chart.evaluate("chart.update({ series: curves(100) })")
    assert chart.locator(".plot-area .plot-line").first.get_attribute("points") == before
    assert len(before.split()) == 101


def test_the_keyboard_reads_zooms_hides_and_picks(chart):
    chart.keyboard.press("Tab")
    chart.keyboard.press("Space")
    assert chart.evaluate("[...chart.hidden]") == ["rising"]
    chart.keyboard.press("Space")
    chart.locator(".plot-area").focus()
    for key in ("End", "ArrowLeft", "ArrowLeft"):
        chart.keyboard.press(key)
    chart.keyboard.press("Enter")
    assert chart.locator(".plot-at").inner_text() == "epoch 98"
    assert chart.locator(".plot-spoken").inner_text() == "epoch 98: rising 98 (93 to 103); <b>flat</b> \u2013"
    chart.keyboard.press("+")
    assert chart.evaluate("chart.view[1] - chart.view[0]") == pytest.approx(100 / 1.5)
    chart.keyboard.press("Escape")
    assert chart.evaluate("chart.view") is None
    assert ["pick", 98] in chart.evaluate("heard")


def test_the_pointer_reads_all_curves_and_the_wheel_waits_for_a_click(chart):
    box = chart.locator(".plot-area").bounding_box()
    chart.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    x = int(chart.locator(".plot-at").inner_text().removeprefix("epoch "))
    assert 40 < x < 60
    assert chart.locator(".plot-value").first.inner_text() == f"{x} ({x - 5} to {x + 5})"
    chart.mouse.wheel(0, -300)
    assert chart.evaluate("chart.view") is None
    chart.mouse.down()
    chart.mouse.up()
    chart.mouse.wheel(0, -300)
    chart.wait_for_function("chart.view !== null")
    chart.mouse.move(0, 0)
    assert chart.locator(".plot-at").inner_text() == ""


def test_the_numbers_are_a_table_on_demand(chart):
    assert chart.locator("td").count() == 0
    chart.get_by_text("As a table").click()
    assert chart.locator("thead tr").inner_text().split("\t") == ["epoch", "rising", "<b>flat</b>"]
    assert chart.locator("tbody tr").nth(6).inner_text().split("\t") == ["6", "6 (1 to 11)", "\u2013"]


def test_without_points_words_say_why(chart):
    chart.evaluate("chart.update({ series: [], empty: 'No evaluation yet.' })")
    assert chart.get_by_text("No evaluation yet.").is_visible()
    assert chart.locator(".plot-area").is_hidden()
    chart.evaluate("chart.update({ series: [{ name: 'one', points: [[3, 0.5]] }] })")
    assert chart.locator(".plot-area circle").count() == 1
