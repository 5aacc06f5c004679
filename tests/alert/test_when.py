import pytest

from pipeline.alert.file import File
from pipeline.kit.checked import checked
from pipeline.kit.failures import Invalid
from schemas.alert import Alert

ALERT = Alert(
    alert_id="a", severity="high", risk=0.7, actor="Invoice-bot", human="ana",
    actions=["s3:GetObject", "sts:AssumeRole"], credentials=["aws:ASIAX"], addresses=["10.1.2.3"],
    detections={"tool-chain-drift": 2}, last=1_767_225_600_000_000,
    title="A call that serves somebody else",
)  # fmt: skip


def destination(when):
    made = {"name": "siem", "kind": "webhook", "url": "https://siem.example.com/", "when": when}
    return checked(File, {"destinations": [made]}, "alerts.yml").destinations[0]


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("risk:>0.5", True), ("risk:>0.8", False), ("severity:>=high actor:invoice*", True),
        ("actor:invoice-bot", False),
        ("action:s3.* -address:10.0.0.0/8", False), ("detection:tool-chain-drift serves", True), ("has:session", False),
        ("credential:(aws:AKIAX or aws:ASIAX)", True), ("until:2026-01-01", False), ("since:2026-01-01", True),
        ("since:1h", False), ("-human:ana or risk:0.6..0.8", True),
    ],
)  # fmt: skip
def test_a_destination_is_told_of_what_its_query_finds(when, told):
    assert destination(when).wants(ALERT, "opened") is told


@pytest.mark.parametrize(
    ("when", "said"),
    [("severity:hihg", "at column 10; did you mean high"), ("a kind:prompt", "at column 3"), ("(a", "at column 3"),
     ("has:tool", "at column 1")],
)  # fmt: skip
def test_a_faulty_query_names_file_key_and_column(when, said):
    with pytest.raises(Invalid) as failure:
        destination(when)
    assert str(failure.value).startswith("alerts.yml: destinations.0.")
    assert ".when: expected" in str(failure.value)
    assert said in str(failure.value)
