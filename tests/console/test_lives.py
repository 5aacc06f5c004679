"""A family of credentials becomes a tree with lives: issued, used, expired, revoked, alive."""

import pytest

from pipeline.console.pages.lives import family
from pipeline.console.pages.scale import FOLD, WIDTH
from pipeline.console.shapes import iso, moment

NOW = moment("2026-02-01T00:00:00Z", "now")
HOUR = 3_600_000_000


def at(hours: float) -> str:
    return iso(NOW + int(hours * HOUR))


def issued(name: str, parent: str, hours: float, **more) -> dict:
    return {
        "issued": name,
        "parent": parent,
        "time": at(hours),
        "expires": None,
        "event_id": f"{parent}>{name}",
        **more,
    }


def item(state: str, **times) -> dict:
    none = dict.fromkeys(("issued", "expires", "revoked", "first_used", "last_used"))
    return {"state": state, **none, **{name: at(hours) for name, hours in times.items()}}


def drawn(name, issuances, **items):
    found = family(name, issuances, items, NOW)
    return found, {one.name: one for one in found.lives}


def test_each_stands_under_what_it_was_issued_with_the_earliest_first():
    found, _ = drawn("b", [issued("b", "a", -9), issued("d", "b", -7), issued("c", "b", -8), issued("e", "c", -1),
                           issued("z", "a", -10)])  # fmt: skip
    assert [(one.name, one.depth) for one in found.lives] == [
        ("a", 0), ("z", 1), ("b", 1), ("c", 2), ("e", 3), ("d", 2),
    ]  # fmt: skip
    assert [one.name for one in found.lives if one.asked] == ["b"]


def test_one_that_has_no_family_is_one_row():
    found, lives = drawn("a", [])
    assert [(one.name, one.depth, one.asked) for one in found.lives] == [("a", 0, True)]
    assert (lives["a"].life, lives["a"].use, lives["a"].issuance, lives["a"].item) == (None, None, None, None)
    assert found.now == 0


def test_a_life_ends_with_what_comes_first():
    found, lives = drawn(
        "alive", [issued(name, "root", -10) for name in ("alive", "expired", "revoked", "early")],
        alive=item("live", expires=5), expired=item("expired", expires=-5),
        revoked=item("revoked", expires=-1, revoked=-8), early=item("revoked", expires=-8, revoked=-1),
    )  # fmt: skip
    ends = {name: sum(lives[name].life) for name in ("alive", "expired", "revoked", "early")}
    assert ends["alive"] == pytest.approx(found.now) == pytest.approx(WIDTH)
    assert ends["expired"] == pytest.approx(WIDTH / 2, abs=0.2)
    assert ends["revoked"] == ends["early"] == pytest.approx(WIDTH / 5, abs=0.2)
    assert {name for name, one in lives.items() if one.alive} == {"alive"}
    assert lives["revoked"].revoked == pytest.approx(WIDTH / 5, abs=0.2)
    assert (lives["alive"].revoked, lives["root"].life) == (None, None)


def test_the_issuance_states_when_it_ends_where_the_inventory_does_not():
    found, lives = drawn("a", [issued("a", "root", -10, expires=at(-5))], a=item("expired"))
    assert [fold.lasts for fold in found.folds] == [5 * HOUR]
    assert sum(lives["a"].life) == pytest.approx(WIDTH - FOLD)


def test_a_standing_key_is_alive_and_one_of_unknown_end_is_not_said_to_be():
    _, lives = drawn("a", [issued("b", "a", -10)], a=item("standing", issued=-20), b=item("expiry unknown"))
    assert (lives["a"].alive, lives["b"].alive) == (True, False)
    assert lives["a"].life[0] == 0


def test_without_an_issuance_the_use_is_all_there_is():
    found, lives = drawn("a", [], a=item("expiry unknown", first_used=-4, last_used=-2))
    assert lives["a"].life is None
    assert [fold.lasts for fold in found.folds] == [2 * HOUR]
    assert lives["a"].use == (0.0, pytest.approx(WIDTH - FOLD))


def test_use_after_the_end_is_drawn_where_it_was():
    _, lives = drawn("a", [issued("a", "r", -10)], a=item("revoked", revoked=-5, first_used=-9, last_used=-1))
    assert sum(lives["a"].use) > sum(lives["a"].life)


def test_a_credential_of_the_future_is_inside_of_the_picture():
    found, lives = drawn("a", [issued("a", "r", 5)], a=item("live", first_used=6, last_used=7))
    for begin, long in (lives["a"].life, lives["a"].use):
        assert begin >= 0
        assert begin + long <= WIDTH + 0.11
    assert found.now == 0


def test_times_out_of_any_calendar_are_not_known():
    _, lives = drawn("a", [issued("a", "r", -1, expires=iso(2**62))], a=item("live") | {"revoked": iso(-(2**62))})
    assert sum(lives["a"].life) == pytest.approx(WIDTH)
    assert lives["a"].revoked is None


def test_circles_of_forged_logs_are_walked_once():
    found, _ = drawn("a", [issued("a", "b", -3), issued("b", "a", -2), issued("c", "c", -1)])
    assert sorted(one.name for one in found.lives) == ["a", "b", "c"]
    itself, _ = drawn("a", [issued("a", "a", -3)])
    assert [(one.name, one.depth) for one in itself.lives] == [("a", 0)]


def test_of_two_issuances_of_one_name_the_first_counts_and_long_lines_end_somewhere():
    found, _ = drawn("a", [issued("b", "a", -3), issued("b", "z", -2)])
    assert [(one.name, one.depth) for one in found.lives] == [("a", 0), ("b", 1)]
    line, _ = drawn("k0", [issued(f"k{number + 1}", f"k{number}", -number) for number in range(1500)])
    assert max(one.depth for one in line.lives) == 6
    assert len(line.lives) == 1501
