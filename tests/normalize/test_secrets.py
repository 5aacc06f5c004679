"""Secrets are masked before anything is kept; fingerprints are made before that."""

import json

import pytest

from pipeline.normalize.mask import mask_bytes, mask_text, preview
from pipeline.normalize.origin import arguments, tokens
from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT
from tests.normalize.test_agents import line
from tests.normalize.test_aws_cloudtrail import ASSUME

SECRETS = {
    "aws": ('{{"secretAccessKey": "{}"}}', "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12"),
    "aws env": ("export AWS_SECRET_ACCESS_KEY={}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "session": ('"sessionToken": "{}"', "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLE"),
    "jwt": ("token {} end", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"),
    "github": ("use {}", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    "slack": ("use {}", "xoxb-123456789012-abcdefghijkl"),
    "openai": ("key {}", "sk-proj-abcdefghijklmnopqrstuvwx"),
    "bearer": ("Authorization: Bearer {}", "abcdef0123456789abcdef"),
    "url": ("postgres://app:{}@db.example.com/x", "hunter2hunter2"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_masked_and_stays_recognisable(name):
    template, secret = SECRETS[name]
    masked = mask_text(template.format(secret), CONTEXT)
    assert secret not in masked
    assert "<secret:" in masked
    again = mask_text("again: " + template.format(secret), CONTEXT)
    assert masked[masked.index("<secret:") :].split(">")[0] == again[again.index("<secret:") :].split(">")[0]
    assert secret.encode() not in mask_bytes(template.format(secret).encode(), CONTEXT)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_a_transcript_reaches_neither_event_nor_evidence(name):
    template, secret = SECRETS[name]
    text = template.format(secret)
    record = line("assistant", [
        {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": text}}, {"type": "text", "text": text},
    ])  # fmt: skip
    (one,) = process(Record(json.dumps(record).encode(), "claude-code"), CONTEXT)
    assert secret not in str(one.events)
    assert secret.encode() not in one.record.value
    json.loads(one.record.value)


def test_the_session_token_that_cloudtrail_logs_is_not_kept():
    event = json.loads(json.dumps(ASSUME))
    event["responseElements"]["credentials"]["sessionToken"] = "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLE"
    (one,) = process(Record(json.dumps(event).encode()), CONTEXT)
    assert b"IQoJb3" not in one.record.value


def test_ordinary_text_is_left_alone():
    for text in ("pay 120 EUR to Ana", "see https://example.com/a?b=c", "session 12 has a token"):
        assert preview(text, CONTEXT) == text


def test_a_long_text_is_cut_without_cutting_a_secret_in_half():
    text = "x" * 2040 + " ghp_abcdefghijklmnopqrstuvwxyz0123456789"
    assert "ghp_abc" not in preview(text, CONTEXT)


def test_an_argument_is_found_again_in_the_text_it_came_from():
    mail = tokens("Please wire €1.250,00 to DE02 1203 0000 0000 2020 51, or mail Eve@Example.com (thanks!)", CONTEXT)
    for value in ("eve@example.com", "1250,00", "EVE@EXAMPLE.COM"):
        (argument,) = arguments({"to": value}, CONTEXT)
        assert set(argument.tokens) <= set(mail), value
    (other,) = arguments({"to": "mallory@example.org"}, CONTEXT)
    assert not set(other.tokens) <= set(mail)


def test_fingerprints_need_the_key_and_are_bounded():
    other = type(CONTEXT)(b"another-key-0123")
    assert set(tokens("eve@example.com", CONTEXT)).isdisjoint(tokens("eve@example.com", other))
    assert len(tokens(" ".join(str(n) for n in range(100_000)), CONTEXT)) == 4096
    assert len(arguments({str(n): n for n in range(1000)}, CONTEXT)) == 64
