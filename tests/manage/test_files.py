"""Configuration files, good and bad: what they say comes back out, and what is wrong with them is said by file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.configuration import KINDS
from tocsin.core.directory import Directory, Origin
from tocsin.core.errors import Invalid, Problem
from tocsin.core.matrix import matrix_of
from tocsin.core.severity import Severity
from tocsin.core.severity_policy import Severities
from tocsin.core.spelling import decode
from tocsin.core.validation import World
from tocsin.manage.drafts import directory_of, draft
from tocsin.manage.files import File, write
from tocsin.plugins.probes import registry as probes
from tocsin.plugins.rooms.registry import CONFIGURED

GOLDEN = Path(__file__).parents[1] / "golden" / "configuration"


@dataclass(frozen=True)
class Asked:
    name: str
    kind: str
    required: bool = True


@dataclass(frozen=True)
class Carrier:
    """Stands for a channel: what it asks for, and what it refuses."""

    fields: tuple[Asked, ...]
    refused: str = "refused"

    def problem(self, settings: Mapping[str, str]) -> str | None:
        return "the address is refused: use another" if self.refused in settings.values() else None


WORLD = World(
    {
        "webhook": Carrier((Asked("url", "url"), Asked("secret", "secret", required=False))),
        "email": Carrier((Asked("address", "email"),)),
    },
    frozenset({"pagerduty", "alertmanager", "prometheus"}),
    CONFIGURED,
    probes.create(),
)


def load(text: str, name: str = "tocsin.yml") -> Directory:
    return directory_of([File(name, text)], WORLD)


def complaints(*files: File) -> list[str]:
    with pytest.raises(Invalid) as raised:
        directory_of(files, WORLD)
    return [str(problem) for problem in raised.value.problems]


def same(one: Directory, other: Directory) -> bool:
    return replace(one, origins={}) == replace(other, origins={})


# --- good files -------------------------------------------------------------------------------------------------------

CONTRACT = (GOLDEN / "good" / "contract.yml").read_text()


def test_the_contracts_example_is_understood() -> None:
    made = load(CONTRACT)
    alice, primary, policy = (
        made.users["alice"],
        made.schedules["payments-primary"],
        made.escalation_policies["payments"],
    )
    assert alice.time_zone == "Europe/Berlin"
    assert [(m.id, m.type) for m in alice.contact_methods] == [("hook", "webhook"), ("mail", "email")]
    assert [(int(r.after), r.method) for r in alice.notification_rules.high or ()] == [(0, "hook"), (120, "mail")]
    window = primary.layers[0].restrictions[0]
    assert (window.start.minutes, window.end.minutes, window.days[0]) == (540, 1020, "mon")
    assert [(int(s.after), s.tier, [t.name for t in s.targets]) for s in policy.steps] == [
        (0, "on_call", ["schedule:payments-primary"]),
        (600, "on_call", ["schedule:payments-secondary"]),
        (900, "senior", ["user:erin", "team:payments"]),
    ]
    assert made.integrations["0123456789abcdef0123456789abcdef"].service.id == "payments-api"
    assert made.policy_of("postgres-main") is policy, "the default policy stands in"
    assert made.origins["users", "bob"] == Origin("tocsin.yml", 14)


def test_the_guides_example_is_understood() -> None:
    guide = (GOLDEN.parents[2] / "docs" / "guide" / "configuration.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert set(load(example).users) == {"alice", "bob", "erin"}


def test_the_guide_names_every_field() -> None:
    guide = (GOLDEN.parents[2] / "docs" / "guide" / "configuration.md").read_text(encoding="utf-8")
    fields = {f.encode_name for kind in KINDS.values() for f in msgspec.structs.fields(kind)}
    assert {field for field in fields if not re.search(rf"\b{field}\b", guide)} == set()


def test_what_is_written_reads_back_as_the_same() -> None:
    made = load(CONTRACT)
    text = write(made)
    assert same(load(text), made)
    assert write(load(text)) == text


@pytest.mark.parametrize(
    "written", ["17:00", "no", "0123", "1e5", "null", "~", "2026-01-05", "0x1F", "1_000", "on", "="]
)
def test_a_scalar_is_the_text_that_it_looks_like(written: str) -> None:
    made = load(f"version: 1\nusers: [{{id: alice, name: {written}}}]\n")
    assert made.users["alice"].name == written
    assert same(load(write(made)), made)


def test_digits_alone_may_be_an_id_and_a_key() -> None:
    made = load(
        "version: 1\nservices: [{id: 007, integrations: [{id: 1, type: pagerduty, key: 00000000000000000000000000000123}]}]"
    )
    assert made.integrations["00000000000000000000000000000123"].service.id == "007"


def test_a_field_with_nothing_after_it_is_left_out_but_quotes_are_a_value() -> None:
    made = load('version: 1\nusers:\n- id: alice\n  name:\n  email: ""\n  notification_rules: {high: [], low: }\n')
    assert (made.users["alice"].name, made.users["alice"].email) == ("", "")
    assert (made.users["alice"].notification_rules.high, made.users["alice"].notification_rules.low) == ((), None)


def test_an_alias_stands_for_its_value() -> None:
    made = load(
        "version: 1\nusers: [{id: a}, {id: b}]\nteams:\n- {id: x, members: &all [a, b]}\n- {id: y, members: *all}\n"
    )
    assert made.teams["y"].members == ("a", "b")


def test_windows_line_ends_and_a_byte_order_mark_are_fine() -> None:
    made = load("\ufeffversion: 1\r\nusers:\r\n- id: alice\r\n  name: Alice\r\n")
    assert made.users["alice"].name == "Alice"
    assert made.origins["users", "alice"].line == 3


def test_several_files_are_one_configuration() -> None:
    people = File("people.yml", "version: 1\nusers: [{id: alice}]\n")
    teams = File("teams.yml", "version: 1\nteams: [{id: a, members: [alice]}]\n")
    made = directory_of([teams, people], WORLD)
    assert made.teams["a"].members == ("alice",)
    assert made.origins["teams", "a"].file == "teams.yml"


# --- bad files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((GOLDEN / "bad").glob("*.yml")), ids=lambda path: path.stem)
def test_a_bad_file_is_told_by_line_and_field(path: Path) -> None:
    """`NAME.txt` beside each bad file holds every message, word for word."""
    expected = path.with_suffix(".txt").read_text().splitlines()
    assert complaints(File(path.name, path.read_text())) == expected


def test_a_collision_between_files_names_both() -> None:
    one = File("a.yml", "version: 1\nusers:\n- {id: alice}\ndefault_escalation_policy: x\n")
    two = File("b.yml", "version: 1\n\nusers:\n- {id: alice}\ndefault_escalation_policy: y\n")
    assert complaints(one, two) == [
        "a.yml:4: /default_escalation_policy: unknown escalation policy 'x': there is none yet"
        " (correct the name, or define it under escalation_policies)",
        "b.yml:4: /users/0/id: the user 'alice' is defined twice: remove or rename one (first a.yml:3)",
        "b.yml:5: /default_escalation_policy: default_escalation_policy is set twice, to something else at a.yml:4: keep one",
    ]


def test_what_a_channel_refuses_is_told_at_its_line() -> None:
    text = "version: 1\nusers:\n- id: alice\n  contact_methods:\n  - id: mail\n    type: email\n    address: refused\n"
    assert complaints(File("a.yml", text)) == [
        "a.yml:5: /users/0/contact_methods/0: the address is refused: use another"
    ]


def test_references_are_not_held_against_a_file_that_cannot_be_read() -> None:
    broken = File("people.yml", "version: 1\nusers: [{id: alice}\n")
    good = File("teams.yml", "version: 1\nteams: [{id: a, members: [alice]}]\n")
    assert [line.partition(":")[0] for line in complaints(broken, good)] == ["people.yml"]


def test_references_to_an_object_with_a_bad_field_are_not_held_against_anyone() -> None:
    text = "version: 1\nusers: [{id: alice, role: boss}]\nteams: [{id: a, members: [alice]}]\n"
    assert len(complaints(File("a.yml", text))) == 1


def test_a_thousand_problems_are_cut() -> None:
    text = "version: 1\nusers:\n" + "- {id: A}\n" * 3000
    found = complaints(File("a.yml", text))
    assert len(found) == 101
    assert "more problems" in found[-1]


def test_a_file_too_large_is_refused() -> None:
    assert complaints(File("a.yml", "#" * 2_000_001)) == [
        "a.yml:1: this file has 2000001 characters: split it, one file may have 2000000"
    ]


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x85", "\ud800"])
def test_a_control_character_is_told_by_line(character: str) -> None:
    (found,) = complaints(File("a.yml", f"version: 1\nusers: [{{id: a{character}}}]\n"))
    assert found.startswith(f"a.yml:2: there is a control character (U+{ord(character):04X})")


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1bb", "x" * 1001])
def test_a_file_needs_a_name_that_can_be_shown(name: str) -> None:
    with pytest.raises(Invalid, match="name"):
        draft([File(name, "version: 1\n")])


# --- any file ---------------------------------------------------------------------------------------------------------

_WORDS = st.sampled_from(
    ["version", "users", "teams", "schedules", "services", "escalation_policies", "id", "name", "1", "alice", "[", "]", "{",
     "}", ":", ": ", "- ", ",", "\n", "\n  ", "\n- ", "&a ", "*a", "!x ", "!!str ", "|", ">", "'", '"', "#", "---", "...",
     "\t", "? ", "<<", "%", "@", "`", "\\", "0s", "layers", "starts", "members", "targets", "steps", "key", "\ufeff", "\u2028",
     "contact_methods", "notification_rules", "high", "default_escalation_policy", "mutes", "null", "~", "severities", "SEV1", "page"]
)  # fmt: skip
_SOUP = st.lists(st.one_of(_WORDS, st.text(max_size=6)), max_size=60).map("".join)


def problems_of(text: str) -> tuple[Problem, ...]:
    """What is wrong with a file (nothing: it reads back as the same). Anything raised but Invalid fails the test."""
    try:
        made = load(text)
    except Invalid as refused:
        return refused.problems
    assert same(load(write(made)), made)
    return ()


@given(_SOUP)
@settings(max_examples=400, deadline=None)
def test_whatever_a_file_holds_it_is_read_or_refused(text: str) -> None:
    for candidate in (text, "version: 1\n" + text):
        problems = problems_of(candidate)
        assert all(problem.file == "tocsin.yml" and problem.line >= 1 for problem in problems)


_TREE = st.recursive(
    st.one_of(st.none(), st.sampled_from(["alice", "0s", "1", "09:00", "2026-01-05T09:00", "mon", "webhook", ""]), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["id", "name", "email", "layers", "users", "starts", "rotation", "every", "unit", "restrictions", "from", "to",
                 "days", "steps", "targets", "after", "repeat", "members", "contact_methods", "type", "url", "integrations",
                 "key", "grouping", "by", "window", "notification_rules", "high", "method", "tier", "time_zone", "severities",
                 "sev1_critical", "page", "top", "acknowledge_timeout", "business_hours", "holidays"]
            ),
            inner, max_size=5,
        ),
    ),
    max_leaves=20,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["users", "teams", "schedules", "escalation_policies", "services", "severities"]), _TREE
    )
)
@settings(max_examples=400, deadline=None)
def test_whatever_an_object_holds_it_is_read_or_refused(body: dict[str, object]) -> None:
    text = "version: 1\n" + "".join(f"{kind}: {_flow(value)}\n" for kind, value in body.items())
    assert all(problem.pointer.startswith("/") for problem in problems_of(text))


def _flow(value: object) -> str:
    match value:
        case None:
            return ""
        case dict():
            return "{" + ", ".join(f"{k}: {_flow(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(_flow(v) or "''" for v in value) + "]"
        case _:
            return (
                '"'
                + "".join(c if (c.isascii() and c.isalnum()) or c in "-:" else f"\\U{ord(c):08x}" for c in str(value))
                + '"'
            )


# --- any configuration ------------------------------------------------------------------------------------------------

_PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\t"), max_size=40)
_ID = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,15}", fullmatch=True)
_DURATION = st.integers(0, 100_000).map(lambda seconds: f"{seconds}s")
_WALL = st.integers(0, 7_000_000_000).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
)
_CLOCK = st.integers(0, 1439).map(lambda minutes: f"{minutes // 60:02d}:{minutes % 60:02d}")


_MONDAYS = {
    "id": "l1", "starts": "2026-01-05T09:00", "restrictions": [{"days": ["mon"], "from": "09:00", "to": "10:00"}],
}  # fmt: skip
"""A layer above that leaves room for the one below."""
_DAYS = st.sampled_from(["mon", "tue", "sat"])


def _with_others(hours: dict[str, object]) -> dict[str, object]:
    """Some of the days have hours of their own, and some holidays names."""
    days, free = hours.get("days"), hours.get("holidays")
    others = (
        {"exceptions": [{"days": list(dict.fromkeys(days))[:1], "from": "08:30", "to": "12:00"}]}
        if isinstance(days, list)
        else {}
    )
    names = {"holiday_names": [{"day": day, "name": "Off: all"} for day in free[:1]]} if isinstance(free, list) else {}
    return {**hours, **others, **names}


_HOURS = st.fixed_dictionaries(
    {},
    optional={
        "days": st.lists(_DAYS, min_size=1, max_size=3),
        "from": _CLOCK,
        "to": _CLOCK,
        "time_zone": st.just("Asia/Tokyo"),
        "holidays": st.lists(st.dates(date(1970, 1, 1), date(2199, 1, 1)).map(str), max_size=2, unique=True),
    },
).map(_with_others)
_COMFORT = st.fixed_dictionaries(
    {},
    optional={
        "quiet_hours": st.fixed_dictionaries(
            {"from": st.just("22:00"), "to": st.sampled_from(["07:00", "24:00", "00:00"])},
            optional={"days": st.lists(_DAYS, min_size=1, max_size=3)},
        ),
        "bundling": st.fixed_dictionaries(
            {}, optional={"within": st.sampled_from(["0s", "90s"]), "email": st.booleans()}
        ),
        "limits": st.just([{"type": "webhook", "count": 3, "within": "1h"}]),
        "updates": st.just(["m"]),
    },
)
_TIME = st.integers(60, 90 * 86400).map(lambda seconds: f"{seconds}s")
_ROW = st.fixed_dictionaries(
    {},
    optional={
        "response_time": _TIME,
        "acknowledge_timeout": st.one_of(_TIME, st.just("off")),
        "page": st.sampled_from(["now", "business_hours", "never"]),
        "who": _PLAIN_TEXT,
        "top": st.sampled_from(["on_call", "executive"]),
    },
)
_SEVERITIES = st.dictionaries(
    st.sampled_from(["sev1_critical", "sev2_high", "sev3_medium", "sev4_low"]), _ROW, max_size=3
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, object]:
    """A valid configuration as plain data."""
    users, teams, schedules, policies, services = (
        draw(st.lists(_ID, min_size=1, max_size=3, unique=True)) for _ in range(5)
    )
    some_users = st.lists(st.sampled_from(users), min_size=1, max_size=3, unique=True)
    keys = draw(st.lists(st.from_regex(r"[A-Za-z0-9_-]{16,40}", fullmatch=True), min_size=3, max_size=3, unique=True))
    target = st.one_of(
        st.sampled_from(users).map(lambda name: {"user": name}),
        st.sampled_from(teams).map(lambda name: {"team": name}),
        st.sampled_from(schedules).map(lambda name: {"schedule": name}),
    )
    layer = st.fixed_dictionaries(
        {"users": some_users, "starts": _WALL},
        optional={
            "rotation": st.fixed_dictionaries(
                {"every": st.integers(1, 9), "unit": st.sampled_from(["hour", "day", "week", "month"])}
            ),
            "restrictions": st.lists(st.fixed_dictionaries({"from": _CLOCK, "to": _CLOCK}), max_size=2),
        },
    )
    return {
        "users": [
            {
                "id": name, "name": draw(_PLAIN_TEXT), "time_zone": draw(st.sampled_from(["UTC", "Europe/Berlin"])),
                "role": draw(st.sampled_from(["admin", "observer"])),
                "contact_methods": [{"id": "m", "type": "webhook", "url": draw(_PLAIN_TEXT) + "x"}],
                "notification_rules": {"high": draw(st.lists(st.builds(lambda a: {"after": a, "method": "m"}, _DURATION), max_size=2))},
                **draw(_COMFORT),
            }
            for name in users
        ],
        "teams": [{"id": name, "name": draw(_PLAIN_TEXT), "members": draw(some_users), "business_hours": draw(_HOURS)} for name in teams],
        "schedules": [
            {"id": name, "layers": [{"id": "l0", **draw(layer)}, *draw(st.lists(st.just(_MONDAYS | {"users": users[:1]}), max_size=1))]}
            for name in schedules
        ],
        "escalation_policies": [
            {"id": name, "steps": [{"targets": draw(st.lists(target, min_size=1, max_size=3))}], "repeat": draw(st.integers(0, 9))}
            for name in policies
        ],
        "services": [
            {
                "id": name, "description": draw(_PLAIN_TEXT), "escalation_policy": draw(st.sampled_from(policies)),
                "integrations": [{"id": "i", "type": "pagerduty", "key": keys[n]}], "severities": draw(_SEVERITIES),
            }
            for n, name in enumerate(services)
        ],
    }  # fmt: skip


@given(configurations(), st.booleans(), _SEVERITIES)
@settings(max_examples=150, deadline=None)
def test_any_configuration_survives_being_exported_and_read(
    body: dict[str, list[dict[str, object]]], default: bool, severities: dict[str, object]
) -> None:
    from_plain = Directory.of(
        {kind: [decode(one, KINDS[kind]) for one in objects] for kind, objects in body.items()},
        str(body["escalation_policies"][0]["id"]) if default else None,
        severities=decode(severities, Severities),
    )
    assert same(load(write(from_plain)), from_plain)


def test_what_is_written_about_quiet_reads_back_as_the_same() -> None:
    made = load((GOLDEN / "good" / "quiet.yml").read_text())
    assert same(load(write(made)), made)
    assert [str(c.matcher) for c in made.mutes["nightly"].matchers] == ['path="C:\\\\temp"', 'job=~"b.*"']
    assert made.services["shop"].hidden_by_dependencies is True


def test_what_is_written_about_the_status_page_reads_back_as_the_same() -> None:
    made = load((GOLDEN / "good" / "status.yml").read_text())
    assert same(load(write(made)), made)
    page = made.status_page
    assert page is not None
    assert page.public is True
    assert page.silence_alarm == 0
    assert [(one.label, one.group) for one in page.components] == [
        ("Card payments", "Payments"), ("Shop", None), ("phone", None),
    ]  # fmt: skip
    announced = made.mutes["upgrade"].announce
    assert announced is not None
    assert announced.components == ("cards",)


def test_what_is_written_about_updates_reads_back_as_the_same() -> None:
    made = load((GOLDEN / "good" / "updates.yml").read_text())
    assert same(load(write(made)), made)
    assert [one.audience for one in made.channels.values()] == ["responders", "executives", "social"]
    assert made.update_templates["board"].body.startswith("{{ severity }}: {{ title }}. Impact: {{ impact }}.\n")
    assert matrix_of(made, None)[Severity.SEV1].audiences.names == ("responders", "public")
    assert matrix_of(made, None)[Severity.SEV4].audiences.names == ()


def test_what_is_written_about_probes_reads_back_as_the_same() -> None:
    made = load((GOLDEN / "good" / "probes.yml").read_text())
    assert same(load(write(made)), made)
    web, database = made.services["shop"].probes
    assert (web.type, web.samples, web.settings["contains"]) == ("http", 3, "all good")
    assert (database.samples, int(database.interval), database.settings["port"]) == (5, 2, "5432")
    assert made.mutes["upgrade"].overrun == "declare"
