"""The commands `alerts` and `respond`, over a store of files and against a receiver."""

import json

import msgspec
import pytest
from typer.testing import CliRunner

from pipeline.alert.example import example
from pipeline.cli import (
    alerts,
    respond,  # noqa: F401  (registers its commands)
)
from pipeline.cli.main import app
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.store import connect
from schemas.alert import Change, Delivery, Request, Response
from tests.flow.receiver import receiving

AT = 1_772_442_000_000_000


@pytest.fixture
def folder(tmp_path):
    """A store with one alert, an attempt and a response."""
    with connect(Settings(clickhouse=f"chdb://{tmp_path}/store")) as store:
        alert = msgspec.structs.replace(example(AT), alert_id="a1", changes=[])
        request = Request("POST", "https://soar.example.com/x", {"Authorization": "<secret /run/soar>"}, '{"key": 1}')
        store.write_alerts([alert], [
            Response(response_id="r1", alert_id="a1", hook="revoke", title="revoke it", request=request, at=AT,
                     changes=[Change("request", "whodid", AT)]),
        ])  # fmt: skip
        store.write_deliveries([
            Delivery(destination="siem", alert_id="a1", revision=0, key="a1.0", attempt=1, at=AT, outcome="retry",
                     status=503, latency=12.5, reason="HTTP 503"),
        ])  # fmt: skip
    return tmp_path / "store"


def whodid(*arguments, code=0):
    found = CliRunner().invoke(app, list(map(str, arguments)))
    if isinstance(found.exception, Invalid):
        raise found.exception
    assert found.exit_code == code, found.output
    return found.output


def test_alerts_are_printed_for_people_and_for_programs(folder):
    assert "A token is used in two places" in " ".join(whodid("alerts", "list", "--store", folder).split())
    (row,) = json.loads(whodid("alerts", "list", "--store", folder, "--format", "json"))
    assert (row["alert_id"], row["severity"], row["state"]) == ("a1", "high", "open")
    assert whodid("alerts", "list", "--store", folder, "--format", "csv").startswith(
        "last,severity,state,verdict,title"
    )
    assert "nothing found" in whodid("alerts", "list", "--store", folder, "--state", "closed", code=4)


def test_one_alert_says_what_to_do_and_who_was_told(folder):
    text = whodid("alerts", "show", "a1", "--store", folder)
    for part in ("What was unusual", "What to do", "Who was told", "Proposed and done", "Ask ana@example.com"):
        assert part in text
    whodid("alerts", "show", "none", "--store", folder, code=4)
    assert "503" in whodid("alerts", "deliveries", "a1", "--store", folder)


def test_over_a_store_of_files_an_alert_is_decided_without_a_broker(folder):
    whodid("alerts", "acknowledge", "a1", "--by", "ana", "--store", folder)
    whodid("alerts", "note", "a1", "looked at it", "--by", "ana", "--store", folder)
    whodid("alerts", "close", "a1", "--verdict", "benign", "--by", "ben", "--reason", "report", "--store", folder)
    (row,) = json.loads(whodid("alerts", "list", "--store", folder, "--format", "json"))
    assert (row["state"], row["verdict"]) == ("closed", "benign")
    assert [(one["what"], one["by"]) for one in row["changes"]] == [
        ("acknowledge", "ana"), ("note", "ana"), ("close", "ben"),
    ]  # fmt: skip
    with pytest.raises(Invalid, match="can be done to an alert that is closed"):
        whodid("alerts", "acknowledge", "a1", "--by", "ana", "--store", folder)
    whodid("alerts", "reopen", "a1", "--by", "ana", "--store", folder)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("alerts", "close", "a1", "--verdict", "maybe"), "verdict: expected one of true, false, benign"),
        (("alerts", "acknowledge", "none"), "id: expected that of an alert or a response"),
        (("respond", "approve", "r1"), "no running pipeline"),
        (("alerts", "list", "--severity", "worst"), "severity: expected one of low, medium"),
    ],
)
def test_what_cannot_be_done_is_said(folder, arguments, says):
    by = () if "list" in arguments else ("--by", "ana")
    with pytest.raises(Invalid, match=says):
        whodid(*arguments, *by, "--store", folder)


def test_responses_are_printed_with_the_very_request(folder):
    assert "revoke it" in whodid("respond", "list", "--store", folder)
    text = whodid("respond", "show", "r1", "--store", folder)
    assert "POST https://soar.example.com/x" in text
    assert "<secret /run/soar>" in text
    assert '{"key": 1}' in text


def written(path, url, **more):
    hook = {
        "name": "revoke", "only": [{"detection": "*"}], "title": "revoke {{ alert.credentials | first }}",
        "url": "https://soar.example.com/{{ alert.credentials | first | urlencode }}",
    }  # fmt: skip
    siem = {"name": "siem", "kind": "webhook", "url": url + "/siem", "allow": ["127.0.0.0/8"], **more}
    (path / "alerts.yml").write_text(json.dumps({"destinations": [siem], "hooks": [hook]}))
    return path / "alerts.yml"


def test_a_marked_example_is_sent_and_the_answer_printed(tmp_path):
    with receiving() as receiver:
        file = written(tmp_path, receiver.url)
        assert "siem: took it in" in whodid("alerts", "test", "siem", "--file", file)
        ((_, said),) = receiver.got
        assert said["example"] is True
        receiver.answers = [503]
        assert "HTTP 503" in whodid("alerts", "test", "siem", "--file", file, code=3)


def test_a_private_address_is_refused_unless_it_is_allowed(tmp_path):
    with receiving() as receiver:
        file = written(tmp_path, receiver.url, allow=[])
        assert "not a public address" in whodid("alerts", "test", "siem", "--file", file, code=3)
        assert not receiver.got


def test_the_request_of_a_hook_is_printed_and_not_sent(tmp_path):
    text = whodid("alerts", "test", "revoke", "--file", written(tmp_path, "https://siem.example.com"))
    assert text.startswith("POST https://soar.example.com/")


def test_the_file_is_checked(tmp_path):
    text = whodid("alerts", "check", "--file", written(tmp_path, "https://siem.example.com"))
    assert "1 destinations, 1 hooks, 0 assets" in text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("destinations: [{name: a, kind: webhok, url: 'https://x.example.com'}]", "destinations.0"),
        ("destinations: [{name: A b, kind: webhook, url: 'https://x.example.com'}]", "name: expected small letters"),
        ("destinations: [{name: a, kind: webhook, url: 'ftp://x'}]", "url: expected a URL"),
        ("destinations: [{name: a, kind: webhook, url: 'https://u:p@x.example.com'}]", "secrets do not belong"),
        ("destinations: [{name: a, kind: webhook, url: 'https://x.example.com', signing: [whsec_x]}]", "secrets"),
        ("destinations: [{name: a, kind: webhook, url: 'https://x.example.com', allow: [all]}]", "allow"),
        ("destinatons: []", "no such field; known there: console, quiet"),
        ("hooks: [{name: h, only: [{detection: x}], title: t, url: 'https://{{ alert.actor }}/'}]", "without {{ }}"),
        ("hooks: [{name: h, only: [{detection: x}], title: '{{', url: 'https://x/'}]", "title: expected a template"),
        ("hooks: [{name: h, only: [], title: t, url: 'https://x/'}]", "only"),
        ("assets: [{sensitivity: high}]", "expected `resource` or `account`"),
        ("quiet: 1", "quiet"),
        ("destinations: [{name: a, kind: webhook, url: 'https://x.example.com'},"
         " {name: a, kind: webhook, url: 'https://y.example.com'}]", "a name of its own for each, a is there twice"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_field_and_without_secrets(tmp_path, text, says):
    (tmp_path / "alerts.yml").write_text(text)
    with pytest.raises(Invalid) as caught:
        whodid("alerts", "check", "--file", tmp_path / "alerts.yml")
    assert says in str(caught.value)
    assert "whsec_x" not in str(caught.value)


def test_a_destination_whose_name_begins_like_another_is_not_told_what_that_one_did_not_take():
    def letter(name):
        return {"format": "whodid.alerts", "reason": f"destination {name} refused it: whodid alerts deliveries"}

    assert alerts.untaken(letter("siem"), "siem")
    assert not alerts.untaken(letter("siem-west"), "siem")
    assert alerts.untaken(letter("siem-west"), "")
