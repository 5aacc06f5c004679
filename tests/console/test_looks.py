"""Colours that can be read in both themes, and vendored files that are what their authors published."""

import hashlib
import re
from importlib.resources import files

import pytest

STATIC = files("pipeline.console").joinpath("static")
CSS = STATIC.joinpath("app.css").read_text()
#: SHA-256 of each vendored file: htmx 2.0.11 (0BSD), uPlot 1.6.32 (MIT).
VENDORED = {
    "htmx.LICENSE": "d3d2456f76414f2456104660ebd65aff1c04cd7966b942bdabd63f3cdb316a38",
    "htmx.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "uplot.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    "uplot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uplot.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
}
TEXT = ("ink", "dim", "accent", "sure", "likely", "doubtful", "unknown", "critical", "high", "medium", "low", "calm")
PAIRS = [(text, ground) for ground in ("ground", "card", "raised") for text in TEXT]
#: Current page of the menu and choices of the search; the main button.
PAIRS += [("ink", "accent-soft"), ("dim", "accent-soft"), ("card", "accent")]
#: What is drawn: a line, a bar (WCAG 2.2, 1.4.11).
DRAWN = ("faint", "accent", "critical", "human", "agent", "credential", "cloud", "other")


def themes() -> list[dict[str, str]]:
    """The colours of the light theme, of the dark one that the system wants, of the dark one that the reader wants."""
    return [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
            for block in re.findall(r":root[^{]*\{\s*color-scheme:[^}]*\}", CSS)]  # fmt: skip


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """From 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_it_is_defined():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_both_ways_to_the_dark_theme_give_the_same_colours_and_each_theme_has_all_of_them():
    light, wished, chosen = themes()
    assert wished == chosen
    assert set(light) == set(wished)
    assert len(light) > 20


@pytest.mark.parametrize("number", [0, 1])
def test_every_text_can_be_read(number):
    theme = themes()[number]
    found = {pair: round(contrast(theme[pair[0]], theme[pair[1]]), 2) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("number", [0, 1])
def test_everything_drawn_can_be_seen(number):
    theme = themes()[number]
    found = {(one, on): round(contrast(theme[one], theme[on]), 2) for one in DRAWN for on in ("card", "raised")}
    assert {pair: ratio for pair, ratio in found.items() if ratio < 3} == {}


def test_no_text_has_a_colour_of_its_own():
    """What is tested above is all there is: no rule sets a text's colour by number, printing apart."""
    screen = re.sub(r"@media print \{.*?\} \}", "", CSS, flags=re.DOTALL)
    used = re.findall(r"(?<![\w-])color: ([^;}]+)", screen)
    assert {one for one in used if not one.startswith("var(")} == {"inherit"}
    assert {re.fullmatch(r"var\(--([\w-]+)\)", one)[1] for one in used if one != "inherit"} <= {*TEXT, "card"}


def test_vendored_files_are_what_was_published():
    folder = STATIC.joinpath("vendor")
    found = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in folder.iterdir()}
    assert found == VENDORED


def test_nothing_is_loaded_from_elsewhere():
    for name in ("app.css", "app.js", "charts.js", "theme.js", "vendor/uplot.min.css"):
        text = STATIC.joinpath(name).read_text()
        assert not re.search(r"@import|url\(|https?://|eval\(|new Function|innerHTML|document\.write", text), name
