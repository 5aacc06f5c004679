"""The report in Markdown, read by a renderer of CommonMark with tables."""

import re

import pytest
from markdown_it import MarkdownIt

from pipeline.report.bundle import Bundle
from pipeline.report.markdown import code, document, said
from tests.report import hostile
from tests.report.incidents import STOLEN, case

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def text(made, content="full", *, proved=False):
    bundle = Bundle(made.incident, made.entries, content, b"")
    return "".join(document(bundle.incident, bundle.shapes, content, proved=proved))


def flat(tokens):
    for one in tokens:
        yield one
        yield from flat(one.children or [])


@pytest.mark.parametrize("made", [case, hostile.case])
def test_it_has_no_links_no_html_no_images_and_its_tables_are_even(made):
    found = text(made())
    tokens = list(flat(READER.parse(found)))
    kinds = {one.type for one in tokens}
    assert not kinds & {"link_open", "image", "html_inline", "html_block", "s_open"}
    assert "table_open" in kinds
    width, row = 0, 0
    for one in tokens:
        if one.type == "tr_open":
            row = 0
        elif one.type in ("td_open", "th_open"):
            row += 1
        elif one.type == "thead_open":
            width = 0
        elif one.type == "tr_close":
            assert row == (width := width or row)


def test_headings_are_the_reports_own():
    found = [one for one in text(hostile.case()).splitlines() if one.startswith("#")]
    assert found[1:14] == [
        "## Summary", "## Where it began", "## What happened", "## How it hangs together",
        "## Credentials, and how to end them", "## What it touched", "## What went from where to where",
        "## Who and where", "## What others have in common with it", "## Held apart", "## What cannot be known",
        "## Detections", "### OWASP Agentic 2026",
    ]  # fmt: skip


def test_nothing_in_it_looks_like_an_address_that_wikis_make_links_of():
    shown = READER.render(text(hostile.case()))
    outside = re.sub(r"<code>.*?</code>", "", shown, flags=re.DOTALL)
    assert not re.search(
        r"https?://|\bwww\.|(?<![\u200b])@(?=\w)", outside.replace("https\u200b://", "").replace("www\u200b.", "")
    )


def test_the_bundled_incident_says_what_a_reader_needs():
    found = text(case())
    assert f"--access-key-id {STOLEN[4:]}" in found
    assert "16 s after the first act" in found
    assert "without proofs" in found


@pytest.mark.parametrize("given", ["a`b``c", "`", "x\ny", "a|b", "  ", hostile.EVIL])
def test_code_is_code_whatever_is_in_it(given):
    tokens = [one.type for one in flat(READER.parse("x " + code(given)))]
    assert set(tokens) <= {"paragraph_open", "inline", "text", "code_inline", "paragraph_close"}


@pytest.mark.parametrize(
    "given", ["1. a", "- a", "+ a", "# a", "> a", "***", "---", "| a |", "    code", "```", "&lt;", "a_b_c", "<b>"]
)
def test_words_are_words(given):
    tokens = [one.type for one in flat(READER.parse("x\n\n" + said(given).strip()))]
    assert set(tokens) <= {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}
