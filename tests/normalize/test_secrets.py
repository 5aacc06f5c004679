"""Secrets are masked before anything is kept; fingerprints are made before that."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kit.lexicon import PURPOSES
from pipeline.normalize.mask import mask_bytes, mask_text, preview
from pipeline.normalize.origin import arguments, tokens
from pipeline.normalize.stage import process
from schemas.prints import FLAG_BITS, WORD
from schemas.rejected import Record
from tests.normalize.common import CONTEXT
from tests.normalize.test_agents import line
from tests.normalize.test_aws_cloudtrail import ASSUME
from tests.normalize.test_total import REAL, changed

SECRETS = {
    "aws": ('{{"secretAccessKey": "{}"}}', "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12"),
    "aws env": ("export AWS_SECRET_ACCESS_KEY={}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    "aws cli": ('{{"SecretAccessKey": "{}"}}', "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12"),
    "aws url": ("https://example.com/?X-Amz-Security-Token={}", "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLE"),
    "pem": ("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEAexampleexample"),
    "session": ('"sessionToken": "{}"', "IQoJb3JpZ2luX2VjEXAMPLEEXAMPLE"),
    "jwt": ("token {} end", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"),
    "github": ("use {}", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    "slack": ("use {}", "xoxb-123456789012-abcdefghijkl"),
    "openai": ("key {}", "sk-proj-abcdefghijklmnopqrstuvwx"),
    "vault": ("use {}", "hvs.CAESIJabcdefghijklmnopqrstu"),
    "sas": ("https://acct.blob.core.windows.net/a?sv=1&sig={}", "c2lnbmF0dXJlc2lnbmF0dXJl%3D"),
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


def leaves(found, at=()):
    """The path of each text in a document."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in inner:
        if isinstance(value, str):
            yield (*at, key)
        yield from leaves(value, (*at, key))


@pytest.mark.parametrize("form", sorted(REAL))
def test_a_secret_in_any_text_of_any_format_reaches_neither_event_nor_evidence(form):
    accepted = 0
    for document in REAL[form]:
        for at in leaves(document):
            for template, secret in SECRETS.values():
                value = json.dumps(changed(document, at, template.format(secret))).encode()
                for one in process(Record(value, form), CONTEXT):
                    accepted += one.record is not None
                    assert secret not in str(one.events), at
                    assert one.record is None or secret.encode() not in one.record.value, at
    assert accepted


FRAGMENTS = st.sampled_from([
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "MIIEpAIBAAKCAQEA", "\n", "Proc-Type: 4,ENCRYPTED",
    "sessionToken", "SecretAccessKey", ": ", "=", '"', "\\", "'", "/", "https://", "user:", "hunter2hunter2",
    "@example.com", "Bearer ", "abcdef0123456789abcdef", "ghp_", "eyJhbGciOiJIUzI1NiJ9", ".", "sk-", " ", "ä",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(FRAGMENTS, max_size=8).map("".join), max_size=4), st.booleans(), st.booleans(), st.booleans())
def test_masked_json_is_json_however_it_is_escaped(texts, nested, slashes, ascii_only):
    document = {text: [text, json.dumps({text: text})] for text in texts}
    value = json.dumps(json.dumps(document) if nested else document, ensure_ascii=ascii_only)
    json.loads(mask_bytes((value.replace("/", "\\/") if slashes else value).encode(), CONTEXT))


def test_a_record_without_secrets_is_kept_as_the_very_same_bytes():
    value = json.dumps(ASSUME).encode()
    assert mask_bytes(value, CONTEXT) is value


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_a_field_that_is_no_text_is_masked_too(name):
    template, secret = SECRETS[name]
    text = template.format(secret)
    canonical = {
        "kind": "cloud_audit", "time": "2026-01-31T09:00:00Z", "action": "a:B", "error": text, "user_agent": text,
        "resources": [text], "attributes": {"header": text}, "session": text,
    }  # fmt: skip
    (one,) = process(Record(json.dumps(canonical).encode()), CONTEXT)
    assert secret not in str(one.events)
    (failed,) = process(Record(json.dumps({**ASSUME, "errorCode": "X", "errorMessage": text}).encode()), CONTEXT)
    assert secret not in str(failed.events)


def test_a_secret_at_the_cut_or_in_a_name_of_an_argument_is_masked():
    token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
    found = arguments("t", {"a": "x" * 2030 + " " + token, token: "b"}, CONTEXT)
    assert "ghp_abc" not in str(found)


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
        _, (prints, _) = arguments("pay", {"to": value}, CONTEXT)
        assert set(prints[1:]) <= set(mail), value
    _, (other, _) = arguments("pay", {"to": "mallory@example.org"}, CONTEXT)
    assert not set(other[1:]) <= set(mail)


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        ("DE02 1203 0000 0000 2020 51", "DE02120300000000202051"),
        ("GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819"),
        ("+49 30 123456", "+4930123456"), ("4111 1111 1111 1111", "4111111111111111"), ("$1,250.00", 1250),
        ("120.50", 120.5), ("1.250,5", "1250.50"), ("ＥＶＥ@example.com", "eve@example.com"),
    ],
)  # fmt: skip
def test_a_value_is_found_again_however_people_write_it(written, passed):
    _, (prints, _) = arguments("t", {"a": passed}, CONTEXT)
    assert prints[1:]
    assert set(prints[1:]) <= set(tokens(f"send it to {written} please", CONTEXT))


@pytest.mark.parametrize(("one", "other"), [("192.0.2.1", "192.0.2.10"), (1.5, 15), (12, 120), ("1.25", "1.2")])
def test_values_that_differ_stay_different(one, other):
    _, (prints, _) = arguments("t", {"a": one}, CONTEXT)
    assert not set(prints[1:]) <= set(tokens(f"it is {other} today", CONTEXT))


@pytest.mark.parametrize("hidden", [
    base64.b64encode(b"eve@example.com, thanks").decode(), b"eve@example.com, thanks".hex(),
    "eve%40example%2Ecom%2C%20thanks", "e\u200bve@exa\u00admple.com, thanks",
    base64.b64encode(base64.b64encode(b"eve@example.com, thanks")).decode(),
])  # fmt: skip
def test_a_value_is_found_again_however_it_is_hidden(hidden):
    mail, plain = "write to eve@example.com today, thanks", "eve@example.com, thanks"
    _, (prints, _) = arguments("send", {"a": hidden}, CONTEXT)
    assert set(prints[1:]) <= set(tokens(mail, CONTEXT))
    _, (prints, _) = arguments("send", {"a": plain}, CONTEXT)
    assert set(prints[1:]) <= set(tokens(f"note: {hidden}", CONTEXT))


def test_forms_of_one_word_are_one_word_and_words_that_say_nothing_are_left_out():
    assert tokens("sending invoices to the", CONTEXT) == tokens("send the invoice", CONTEXT) != []
    flags = {mark & (1 << FLAG_BITS) - 1 for mark in tokens("transfer qwrtz 12", CONTEXT)}
    assert flags == {WORD | 1 << 1 + PURPOSES.index("pay") | 1 << 1 + PURPOSES.index("grant"), WORD, 0}


def test_fingerprints_need_the_key_and_are_bounded():
    other = type(CONTEXT)(b"another-key-0123")
    assert set(tokens("eve@example.com", CONTEXT)).isdisjoint(tokens("eve@example.com", other))
    assert len(tokens(" ".join(str(n) for n in range(100_000)), CONTEXT)) == 4096
    assert [len(part) for part in arguments("pay", {str(n): n for n in range(1000)}, CONTEXT)] == [64, 65]
