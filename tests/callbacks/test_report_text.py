from callbacks.report_text import epoch_line, summary_rows, times_text

ALL = {
    "train/loss": 2.2,
    "train/value_loss": 0.4123,
    "train/policy_loss": 1.83,
    "train/learning_rate": 9.1e-4,
    "train/gradient_norm": 0.5,
    "selfplay/games": 256,
    "selfplay/game_length": 61.2,
    "time/positions_per_second": 1234.4,
    "selfplay/first_player_score": 0.456,
    "truth/policy_accuracy": 0.712,
    "truth/policy_accuracy_opening": 0.6,
    "truth/search_accuracy": 0.861,
    "truth/uniform_accuracy": 0.507,
    "eval/elo": 1412.4,
    "eval/elo_low": 1350.0,
    "eval/elo_high": 1474.0,
    "eval/win_rate_vs_rollouts:200": 0.35,
    "eval/win_rate_vs_previous": 0.61,
    "eval/win_rate_vs_random": 0.97,
}


def test_the_line_of_an_epoch():
    assert epoch_line(3, 30, ALL) == (
        "epoch 3/30 | 256 games, 1,234 positions/s | loss value 0.412 policy 1.830 "
        "| truth policy 0.71 search 0.86 (random 0.51) | vs random 0.97 previous 0.61 | Elo 1412 [1350, 1474]"
    )


def test_the_line_of_an_epoch_where_the_rules_are_solved():
    truth = {
        "selfplay/blunder_rate": 0.1234,
        "selfplay/blunder_rate_ply_00_09": 0.5,
        "eval/score_vs_perfect_as_second": 0.1,
        "eval/score_vs_perfect_as_first": 0.02,
        "eval/turns_survived_vs_perfect": 20.5,
    }
    assert epoch_line(3, 30, ALL | truth) == (
        "epoch 3/30 | 256 games, 1,234 positions/s, blunders 0.123 | loss value 0.412 policy 1.830 "
        "| truth policy 0.71 search 0.86 (random 0.51) | vs random 0.97 previous 0.61 perfect 0.10/0.02 "
        "| Elo 1412 [1350, 1474]"
    )


def test_what_was_not_measured_is_left_out():
    assert epoch_line(3, -1, {}) == "epoch 3"
    assert epoch_line(3, None, {"train/policy_loss": 1.83}) == "epoch 3 | loss policy 1.830"
    assert epoch_line(3, 4, {"eval/elo": 1412.4}) == "epoch 3/4 | Elo 1412"
    assert summary_rows({}) == summary_rows({"truth/policy_accuracy": 0.7}) == []


def test_open_ends_of_the_interval():
    assert epoch_line(3, 4, {"eval/elo": 3452.4, "eval/elo_low": 2900.2}).endswith("Elo 3452 [2900, inf)")
    assert epoch_line(3, 4, {"eval/elo": 500, "eval/elo_high": 900}).endswith("Elo 500 (-inf, 900]")


TIMES = {
    "time/selfplay_seconds": 4.0,
    "time/training_seconds": 5.0,
    "time/evaluation_seconds": 2.5,
    "time/other_seconds": 1.0,
    "time/search_share": 0.985,
}


def test_where_the_time_went():
    assert epoch_line(3, 30, ALL | TIMES).endswith(
        "| Elo 1412 [1350, 1474] | 12 s: play 32 %, train 40 %, evaluate 20 %, other 8 %"
    )
    on_device = TIMES | {"time/host_wait_share": 0.6}
    assert times_text(on_device) == "12 s: play 32 % (device 98 %), train 40 %, evaluate 20 %, other 8 %"
    short = {name: value / 10 for name, value in TIMES.items()}
    assert times_text(short).startswith("1.2 s: play 32 %")
    assert times_text({}) == times_text({"time/selfplay_seconds": 0.0}) == ""


def test_the_rows_of_the_table():
    assert summary_rows(ALL) == [
        ("Elo (95 % interval)", "1412 [1350, 1474]"),
        ("win rate against random", "0.970"),
        ("win rate against the previous checkpoint", "0.610"),
        ("win rate against rollouts:200", "0.350"),
        ("policy keeps the exact value (uniformly random: 0.507)", "0.712"),
        ("search keeps the exact value (uniformly random: 0.507)", "0.861"),
        ("value loss", "0.412"),
        ("policy loss", "1.830"),
    ]
