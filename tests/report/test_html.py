"""The report in HTML as a text: what is in it, and what is not."""

import hashlib
import json
import re
from base64 import b64encode
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise

import pytest

from pipeline.report.bundle import Bundle
from pipeline.report.graph import graph
from pipeline.report.html import STILL, document
from schemas.incident import Clue, Incident
from tests.report import hostile
from tests.report.incidents import STOLEN, Case, case

ADDRESSES = ("src", "href", "action", "xlink:href", "data", "poster", "srcset", "formaction")


class Read(HTMLParser):
    """Elements with their attributes, and the texts of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self._open = [], {"script": [], "style": []}, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag):
        self._open = ""

    def handle_data(self, data):
        if self._open in self.texts:
            self.texts[self._open].append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def text(made, content="full", *, proved=False):
    bundle = Bundle(made.incident, made.entries, content, b"")
    found = graph(bundle.incident, bundle.shapes)
    return "".join(document(bundle.incident, bundle.shapes, found, content, proved=proved))


@pytest.mark.parametrize("made", [case, hostile.case])
def test_it_loads_nothing_and_runs_one_script_by_its_hash(made):
    found = Read(text(made()))
    assert [one.get("type") for one in found.named("script")] == ["application/json", None]
    assert not {tag for tag, _ in found.elements} & {
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "audio",
        "video",
    }
    for tag, attributes in found.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        for name in ADDRESSES:
            assert attributes.get(name, "#").startswith("#"), tag
    policy = found.named("meta")[1]["content"]
    assert policy.startswith("default-src 'none'; ")
    for kind, inline in (("script", found.texts["script"][1]), ("style", found.texts["style"][0])):
        digest = b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("made", [case, hostile.case])
def test_every_entry_is_in_its_data_and_every_link_leads_somewhere(made):
    one = made()
    found = Read(text(one))
    rows = json.loads(found.texts["script"][0])["rows"]
    assert len(rows) == len(one.entries)
    names = {attributes.get("id") for _, attributes in found.elements}
    for link in found.named("a"):
        assert link["href"][1:] in names, link


def test_texts_are_escaped_inert_and_short():
    found = text(hostile.case())
    assert "<script>window" not in found
    assert "<img" not in found
    assert not {"\u202e", "\u200b", "\x1b", "\ud800"} & set(found)
    assert "&lt;U+202E&gt;" in found
    assert len(found) < 1_500_000, "a text of a megabyte is cut"
    assert "more characters are in timeline.jsonl" in found


def test_sections_headings_and_tables_are_what_readers_of_screens_need():
    found = Read(text(case()))
    assert dict(found.elements)["html"]["lang"] == "en"
    assert all(one.get("scope") == "col" for one in found.named("th"))
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    anchors = {one["href"] for one in found.named("a")}
    assert {f"#{one['id']}" for one in found.named("section")} <= anchors


def test_colours_can_be_told_from_their_ground():
    css = files("pipeline.report").joinpath("report.css").read_text()
    for scheme in re.findall(r":root \{(.*?)\}", css, re.DOTALL):
        colours = dict(re.findall(r"--(\w+): (#\w{3,6})", scheme))
        for ink in ("ink", "dim", "accent", "good", "warn", "bad"):
            for ground in ("ground", "paper", "soft"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


def contrast(one, other):
    """By WCAG 2.1, 1.4.3."""

    def bright(colour):
        parts = [int(part * (2 // len(part)), 16) / 255 for part in re.findall("." * (len(colour) // 3), colour[1:])]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted([bright(one), bright(other)])
    return (light + 0.05) / (dark + 0.05)


def test_it_says_who_what_and_how_to_end_it():
    found = text(case())
    wanted_here = (
        STOLEN, "delete-access-key", "1 credential may still be used.", "Held apart", "terraform", "NHI7",
        "read by the agent", "https://vendor-portal.example.net/sync", "Bedrock invocation logging",
    )  # fmt: skip
    for wanted in wanted_here:
        assert wanted in found, wanted
    assert "Raw records are withheld." in text(case(), "masked")
    assert "Prompts, arguments, results and raw records are withheld." in text(case(), "hashes")


def test_what_is_cited_stands_in_the_document_however_long_the_timeline():
    made = case()
    last = made.entries[-1]
    many = [*made.entries[:-1]] * 20
    found = Read(text(Case(made.incident, [*many, last], [], [])))
    rows = [one for one in found.named("tr") if one.get("id", "").startswith("e")]
    assert len(rows) == STILL
    assert rows[-1]["id"] == f"e{len(many)}"


def test_an_incident_of_which_nothing_is_known_is_a_report_too():
    nothing = Incident(incident_id="i", clue=Clue("span"), made=0, cutoff=0.5)
    found = text(Case(nothing, [], [], []))
    assert "Nothing is known to have led to anything." in found
    assert "Not known." in found
