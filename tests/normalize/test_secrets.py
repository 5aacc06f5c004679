"""Secrets are masked before anything is kept; fingerprints are made before that."""

import base64
import importlib
import json
import pkgutil
from itertools import cycle, islice

import detect_secrets.plugins
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kit.lexicon import PURPOSES
from pipeline.normalize.formats import FORMATS
from pipeline.normalize.mask import mask_bytes, mask_field, mask_text, preview
from pipeline.normalize.origin import arguments, tokens
from pipeline.normalize.secrets import LEFT, TAKEN
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
    "age": ("{}", "AGE-SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"),
    "putty": ("PuTTY-User-Key-File-3: ssh-ed25519{}", "AAAAIGexampleexampleexample"),
    "github fine-grained": ("{}", "github_pat_11ABCDEFG0abcdefghij_abcdefghijklmnopqrstuvwxyz"),
    "gitlab": ("clone with {}", "glpat-abcdefghij0123456789"),
    "anthropic": ("{}", "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"),
    "openai session": ("{}", "sess-abcdefghijklmnopqrstuvwxyz0123"),
    "bedrock": ("AWS_BEARER_TOKEN_BEDROCK is {}", "ABSKQmVkcm9ja0FQSUtleS1leGFtcGxlZXhhbXBsZWV4YW1wbGU="),
    "google key": ("?key={}", "AIzaSyA0123456789abcdefghijklmnopqrstuv"),
    "google access": ("{}", "ya29.a0AfH6SMBexampleexampleexample"),
    "google client": ("{}", "GOCSPX-abcdefghijklmnopqrstuvwx"),
    "okta": ("Authorization: SSWS {}", "00abcdefghijklmnopqrstuvwxyz0123456789ABCD"),
    "azure storage": ("AccountName=a;AccountKey={};", "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU2Nzg5YWJjZGVmZw=="),
    "azure application": ("{}", "abc8Q~abcdefghijklmnopqrstuvwxyz01234567"),
    "databricks": ("{}", "dapi0123456789abcdef0123456789abcdef"),
    "pypi": ("{}", "pypi-AgEIcHlwaS5vcmcabcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnop"),
    "npm": ("//registry.example.com/:_authToken={}", "npm_abcdefghijklmnopqrstuvwxyz0123456789"),
    "hugging face": ("{}", "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH"),
    "digitalocean": ("{}", "dop_v1_" + "0123456789abcdef" * 4),
    "shopify": ("{}", "shpat_" + "0123456789abcdef" * 2),
    "stripe": ("{}", "sk_live_abcdefghijklmnopqrstuvwx"),
    "stripe hook": ("{}", "whsec_abcdefghijklmnopqrstuvwxyz012345"),
    "telegram": ("bot{}", "1234567890:AAabcdefghijklmnopqrstuvwxyz0123456"),
    "discord": ("{}", "MTA1NzY5Nzg3OTcyMTk4MzAx.aVW5AA.abcdefghijklmnopqrstuvwxyz0"),
    "slack hook": ("{}", "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"),
    "sendgrid": ("{}", "SG.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
    "mailchimp": ("{}", "0123456789abcdef0123456789abcdef-us12"),
    "twilio": ("{}", "SK0123456789abcdef0123456789abcdef"),
    "artifactory": ("key {}", "AKCp8abcdefghijklmnop"),
    "basic": ("Authorization: Basic {}", "YW5hOmh1bnRlcjJodW50ZXIy"),
    "password in a text": ("password: {}", "correcthorse"),
    "password of a command": ("mysqldump --password={} db", "correcthorse"),
    "api key of a command": ("tool --api-key {}", "a9b8c7d6e5f4"),
    "environment": ("DB_PASSWORD={}", "correcthorse"),
    "cookie": ('{{"cookie": "{}"}}', "session=abcdef0123456789"),
}  # fmt: skip
#: What a field says is a secret by its name, whatever it looks like.
FIELDS = ["password", "clientSecret", "client_secret", "apiKey", "X-Api-Key", "access_token", "refreshToken", "cookie",
          "Set-Cookie", "authorization", "privateKey", "secretAccessKey"]  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_masked_and_stays_recognisable(name):
    template, secret = SECRETS[name]
    masked = mask_text(template.format(secret), CONTEXT)
    assert secret not in masked
    assert "<secret:" in masked
    again = mask_text("again: " + template.format(secret), CONTEXT)
    assert masked[masked.index("<secret:") :].split(">")[0] == again[again.index("<secret:") :].split(">")[0]
    assert secret.encode() not in mask_bytes(json.dumps({"a": [template.format(secret)]}).encode(), CONTEXT)
    assert secret.encode() not in mask_bytes(template.format(secret).encode() + b" \xff", CONTEXT)


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


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_whose_name_says_secret_is_masked_whatever_it_holds(name):
    value = {"kind": "tool_call", "time": "2026-01-31T09:00:00Z", "tool": "t", "tool_call": "c", "phase": "start",
             "arguments": {"outer": {name: "two words"}}, "attributes": {name: "two words"}}  # fmt: skip
    (one,) = process(Record(json.dumps(value).encode()), CONTEXT)
    assert "two words" not in str(one.events)
    assert b"two words" not in one.record.value
    assert "<secret:" in one.events[0].arguments[0].value


@pytest.mark.parametrize("text", ["hmac-sha256:0123456789abcdef", "<secret:vault:0123456789ab>", "short"])
def test_a_hash_that_a_vendor_made_is_left_as_it_is(text):
    assert mask_field("client_secret", text, CONTEXT) == text


def test_masking_what_is_masked_changes_nothing():
    for template, secret in SECRETS.values():
        once = mask_bytes(json.dumps({"a": template.format(secret), "password": secret}).encode(), CONTEXT)
        assert mask_bytes(once, CONTEXT) == once
        for name in FIELDS:
            once = mask_bytes(json.dumps({name: template.format(secret), "a": [name]}).encode(), CONTEXT)
            assert mask_bytes(once, CONTEXT) == once, name
            assert secret.encode() not in once


@pytest.mark.parametrize("before", ["<secret:jwt:0123456789ab> ", "sha256:0a ", "hmac-sha256:0a "])
def test_what_begins_like_a_hash_is_a_secret_all_the_same(before):
    assert "two words" not in mask_field("password", before + "two words", CONTEXT)


def test_a_sender_that_masks_before_changes_no_event():
    for template, secret in SECRETS.values():
        value = json.dumps(line("user", template.format(secret))).encode()
        (late,), (early,) = (process(Record(one), CONTEXT) for one in (value, mask_bytes(value, CONTEXT)))
        assert (late.events, late.record) == (early.events, early.record)


def test_a_dead_letter_holds_no_secret_and_neither_do_its_reason_and_the_log(caplog, monkeypatch):
    def broken(value, _context):
        raise ZeroDivisionError(value.decode())

    form = FORMATS["aws.cloudtrail"]
    token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
    (wrong,) = process(Record(json.dumps({**ASSUME, "eventTime": token}).encode()), CONTEXT)
    assert wrong.rejected.reason.startswith("eventTime: expected a time")
    (poison,) = process(Record(f'{{"a": "{token}", '.encode()), CONTEXT)
    monkeypatch.setitem(FORMATS, form.name, type(form)(form.source, form.recognizes, form.split, broken, form.conceals))
    (bug,) = process(Record(json.dumps({**ASSUME, "x": token, "y": "\u00e9"}).encode()), CONTEXT)
    for one in (wrong, poison, bug):
        assert token not in str(one.rejected)
        assert "secret:github-token" in one.rejected.value.decode()
    assert token not in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_each_expression_of_the_detector_is_taken_or_left_for_a_reason():
    known = {
        f"{module.name}.{name}.{place}"
        for module in pkgutil.iter_modules(detect_secrets.plugins.__path__)
        for name, found in vars(importlib.import_module(f"detect_secrets.plugins.{module.name}")).items()
        if isinstance(found, type) and found.__module__.endswith("." + module.name)
        and isinstance(getattr(found, "denylist", None), (list, tuple))
        for place in range(len(found.denylist))
    }  # fmt: skip
    taken = {f"{found.__module__.rpartition('.')[2]}.{found.__name__}.{place}" for found, place in TAKEN}
    assert taken | set(LEFT) == known
    assert not taken & set(LEFT)


def leaves(found, at=()):
    """The path of each text in a document."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    for key, value in inner:
        if isinstance(value, str):
            yield (*at, key)
        yield from leaves(value, (*at, key))


@pytest.mark.parametrize("form", sorted(REAL))
def test_a_secret_in_any_text_of_any_format_reaches_neither_event_nor_evidence(form):
    """Each text in turn with some kinds of secret, and every kind in many texts."""
    accepted, kinds = 0, cycle(SECRETS.values())
    for document in REAL[form]:
        for at in leaves(document):
            for template, secret in islice(kinds, 5):
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
