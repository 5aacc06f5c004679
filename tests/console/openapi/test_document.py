"""The document is the one in the repository, is a valid one, and says of every route what the table of rights says."""

import json

import pytest
from fastapi import FastAPI
from openapi_spec_validator import validate

from pipeline.console.access.rights import RIGHTS, Right
from pipeline.console.access.who import Role
from pipeline.console.openapi.document import document
from pipeline.kit.failures import Permanent
from pipeline.run import openapi


@pytest.fixture(scope="module")
def made():
    return openapi.made()


def test_the_file_is_current(made):
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text(made), "run `make schemas`"


def test_it_is_a_valid_document(made):
    validate(made)


def test_every_route_of_the_api_is_in_it_with_the_right_that_it_takes(made):
    found = {
        f"{method.upper()} {path}": about for path, both in made["paths"].items() for method, about in both.items()
    }
    for name, right in RIGHTS.items():
        if " /v1/" in name or name.endswith("/healthz"):
            least = right.role if isinstance(right, Right) else right
            about = found.pop(name.replace(":path", ""))
            assert about["x-least-role"] == (least.title if least else None)
            assert about["summary"]
            assert ("401" in about["responses"]) is isinstance(least, Role)
    assert not found
    assert len({about["operationId"] for both in made["paths"].values() for about in both.values()}) == sum(
        len(both) for both in made["paths"].values()
    )


def test_a_route_without_an_operation_is_named():
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.get("/v1/new")(lambda: {})
    with pytest.raises(Permanent, match="no operation for GET /v1/new"):
        document(app)


def test_the_desk_serves_it(made):
    assert json.loads(openapi.text(made))["openapi"] == "3.1.0"
