"""What tests of running share."""

import pytest

from tests.run.replaying import RULE


@pytest.fixture
def rules(tmp_path):
    """A folder with a rule that finds something."""
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "models-called.yml").write_text(RULE)
    return folder
