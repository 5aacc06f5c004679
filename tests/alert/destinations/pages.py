"""Pages of docs/siem, and the blocks of code in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pipeline.alert.file import File
from pipeline.kit import safeyaml
from pipeline.kit.checked import checked

SIEM = Path(__file__).parents[3] / "docs" / "siem"
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    return sorted(SIEM.glob("*.md"))


def blocks(page: str, language: str) -> list[str]:
    found = _BLOCK.findall((SIEM / page).read_text())
    return [text for named, text in found if named == language]


def block(page: str, language: str, holding: str) -> str:
    """The one that has this in it."""
    (found,) = [text for text in blocks(page, language) if holding in text]
    return found


def in_json(page: str, holding: str) -> Any:
    return json.loads(block(page, "json", holding))


def file(text: str, name: str) -> File:
    """A file of alerts, read as the product reads it."""
    return checked(File, safeyaml.document(text, name), name)
