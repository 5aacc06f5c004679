"""Pages of docs/siem: what they configure is what the product reads, and every kind of destination has one."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from pipeline.alert.destinations import Any_
from tests.alert.destinations.pages import blocks, file, pages

#: Kinds whose page is not written yet; nothing else may be here.
MISSING: set[str] = set()
PAGES = [page.name for page in pages()]


def kinds() -> set[str]:
    union, *_ = get_args(Any_)
    return {get_args(model.model_fields["kind"].annotation)[0] for model in get_args(union)}


def documented(page: str) -> set[str]:
    """Kinds that a page configures."""
    return {one.kind for text in blocks(page, "yaml") for one in file(text, page).destinations}


@pytest.mark.parametrize("page", PAGES)
def test_every_configuration_of_a_page_is_one(page: str) -> None:
    assert blocks(page, "yaml")
    for text in blocks(page, "yaml"):
        file(text, page)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_names_its_kind_and_configures_it(page: str) -> None:
    kind = Path(page).stem
    assert kind in kinds()
    assert kind in documented(page)
    assert f"`{kind}`" in (pages()[0].parent / page).read_text()


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_kind_has_a_page(kind: str) -> None:
    if kind in MISSING and f"{kind}.md" not in PAGES:
        pytest.skip(f"docs/siem/{kind}.md is not written yet")
    assert f"{kind}.md" in PAGES
    assert kind not in MISSING, f"docs/siem/{kind}.md is there: take {kind} out of MISSING"


def test_nothing_is_missing_that_is_no_kind() -> None:
    assert kinds() >= MISSING
