"""The texts of a report, made from the metrics: the line of an epoch, and the rows of the final table."""

from __future__ import annotations

from collections.abc import Mapping

from pylos.arena.results import interval_text

_PARTS = {"selfplay": "play", "training": "train", "evaluation": "evaluate", "other": "other"}
"""The parts of an epoch, as its line calls them."""
_WIN_RATE = "eval/win_rate_vs_"


def epoch_line(epoch: int, max_epochs: int | None, metrics: Mapping[str, float]) -> str:
    """One line with the results of an epoch; what was not measured is left out.

    Args:
        epoch: number of finished epochs.
        max_epochs: number of epochs at the end of the training; None or -1 if that is open.
        metrics: Lightning's `callback_metrics` as plain numbers.
    """
    of = f"/{max_epochs}" if max_epochs is not None and max_epochs > 0 else ""
    selfplay = _join(
        metrics,
        ", ",
        ("selfplay/games", "{:.0f} games"),
        ("time/positions_per_second", "{:,.0f} positions/s"),
        ("selfplay/blunder_rate", "blunders {:.3f}"),
    )
    losses = _join(metrics, " ", ("train/value_loss", "value {:.3f}"), ("train/policy_loss", "policy {:.3f}"))
    truth = _join(
        metrics,
        " ",
        ("truth/policy_accuracy", "policy {:.2f}"),
        ("truth/search_accuracy", "search {:.2f}"),
        # Without this one the others mean little.
        ("truth/uniform_accuracy", "(random {:.2f})"),
    )
    rates = [f"{name} {rate:.2f}" for name, rate in win_rates(metrics) if name in ("random", "previous")]
    sides = [f"eval/score_vs_perfect_as_{side}" for side in ("second", "first")]
    if all(name in metrics for name in sides):
        rates.append("perfect " + "/".join(f"{metrics[name]:.2f}" for name in sides))
    parts = [
        f"epoch {epoch}{of}",
        selfplay,
        losses and f"loss {losses}",
        truth and f"truth {truth}",
        f"vs {' '.join(rates)}" if rates else "",
        f"Elo {elo_text(metrics)}" if "eval/elo" in metrics else "",
        times_text(metrics),
    ]
    return " | ".join(part for part in parts if part)


def times_text(metrics: Mapping[str, float]) -> str:
    """How long an epoch took, and the shares of its parts; empty if that was not measured."""
    seconds = {name: metrics[key] for name in _PARTS if (key := f"time/{name}_seconds") in metrics}
    total = sum(seconds.values())
    if not total:
        return ""
    shares = {name: f"{_PARTS[name]} {_percent(value / total)}" for name, value in seconds.items()}
    if "time/host_wait_share" in metrics:
        shares["selfplay"] += f" (device {_percent(metrics['time/search_share'])})"
    return f"{total:.{0 if total >= 10 else 1}f} s: " + ", ".join(shares.values())


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _join(metrics: Mapping[str, float], separator: str, *formats: tuple[str, str]) -> str:
    return separator.join(text.format(metrics[key]) for key, text in formats if key in metrics)


def win_rates(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    """The opponents of an evaluation with the win rates against them: random, the previous checkpoint, the anchors."""
    rates = {k.removeprefix(_WIN_RATE): v for k, v in metrics.items() if k.startswith(_WIN_RATE)}
    order = ["random", "previous"]
    return sorted(rates.items(), key=lambda item: (order.index(item[0]) if item[0] in order else 2, item[0]))


def elo_text(metrics: Mapping[str, float]) -> str:
    """The rating, with its 95 % interval if at least one end was logged; the other end is open."""
    text = f"{metrics['eval/elo']:.0f}"
    low, high = metrics.get("eval/elo_low"), metrics.get("eval/elo_high")
    return text if low is None and high is None else f"{text} {interval_text(low, high)}"


def summary_rows(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """Names and values of the final table."""
    rows = [("Elo (95 % interval)", elo_text(metrics))] if "eval/elo" in metrics else []
    rows += [
        (f"win rate against {'the previous checkpoint' if name == 'previous' else name}", f"{rate:.3f}")
        for name, rate in win_rates(metrics)
    ]
    uniform = metrics.get("truth/uniform_accuracy")
    rows += [
        (f"{name} keeps the exact value (uniformly random: {uniform:.3f})", f"{metrics[key]:.3f}")
        for name, key in (("policy", "truth/policy_accuracy"), ("search", "truth/search_accuracy"))
        if key in metrics and uniform is not None
    ]
    return rows + [
        (f"{name} loss", f"{metrics[key]:.3f}")
        for name, key in (("value", "train/value_loss"), ("policy", "train/policy_loss"))
        if key in metrics
    ]
