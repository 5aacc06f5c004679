import re
from pathlib import Path

from pipeline.query.fields import FIELDS
from pipeline.query.parsing import DEPTH, LENGTH, TERMS
from pipeline.query.reading import WILDCARDS
from pipeline.store.limits import LIMITS
from pipeline.store.risk import BANDS

PAGE = Path(__file__).parents[2] / "docs" / "query.md"


def table():
    rows = ["| field | type | meaning | example |", "|---|---|---|---|"]
    for one in FIELDS.values():
        values = f" ({', '.join(one.values)})" if one.type in ("choice", "rank") else ""
        rows.append(f"| `{one.name}` | {one.type} | {one.meaning}{values} | `{one.example}` |")
    return "\n".join(rows)


def test_the_page_has_the_vocabulary():
    found = re.search(r"<!-- fields -->\n(.*)<!-- /fields -->", PAGE.read_text(), re.DOTALL)
    assert found[1].strip() == table()


def test_the_page_has_the_limits_and_the_bands():
    text = " ".join(PAGE.read_text().split())
    assert f"At most {LENGTH:,} characters, {TERMS} terms, {DEPTH} levels" in text
    assert f"at most {WILDCARDS} in a value" in text
    assert f"A query may take {LIMITS.seconds:g} seconds, read {LIMITS.rows // 10**6} million rows" in text
    for name, (low, high) in BANDS.items():
        assert f"| {name} | {low:.2f} to {high:.2f} |" in text
