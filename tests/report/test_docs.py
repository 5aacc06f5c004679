"""docs/bundle.md says what is written."""

import re
from pathlib import Path

from pipeline.report.content import ROLES
from pipeline.report.html import STILL
from pipeline.report.markdown import ROWS
from pipeline.report.readme import readme
from pipeline.report.timesketch import MOST
from tests.report.incidents import case
from tests.report.test_bundle import FILES

TEXT = (Path(__file__).parents[2] / "docs" / "bundle.md").read_text()


def test_the_page_and_the_readme_name_every_file():
    listed = set(
        re.findall(r"`([^`]+)`", "\n".join(line.split("|")[1] for line in TEXT.splitlines() if line.startswith("| `")))
    )
    assert listed == FILES | {"records/", "evidence/", "verify.py"}
    shown = readme(case().incident, "full", proved=True)
    assert all(name in shown for name in listed - {"README.txt"})
    assert "verify.py" not in readme(case().incident, "full", proved=False)
    assert "records/ " not in readme(case().incident, "masked", proved=False)


def test_the_page_names_every_role_with_its_content_and_the_right_numbers():
    head = next(line for line in TEXT.splitlines() if line.startswith("| | viewer"))
    for role, content in ROLES.items():
        assert role in head
        assert f"`{content}`" in head
    assert f"the first {ROWS} entries" in TEXT
    assert f"beyond {STILL} entries" in TEXT
    assert f"at most {MOST:,} characters" in TEXT
