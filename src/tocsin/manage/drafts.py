"""What configuration files say: their objects with the place of each, or all that is wrong with them, by file and line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from tocsin.core.configuration import KINDS, LABELS
from tocsin.core.directory import NOTHING_CHANGED, SEVERITIES, Directory, Origin
from tocsin.core.errors import Invalid, Problem
from tocsin.core.severity_policy import Severities
from tocsin.core.shape import Path, faults, short, text_fault, unknown
from tocsin.core.spelling import decode
from tocsin.core.validation import Finding, World, check
from tocsin.manage.files import File, Node, read

NOT_BUILT = ("runbooks", "slos", "prevention_rules")
"""Sections of the format whose capability this release does not have: refused when filled, never ignored."""

SETTINGS = ("default_escalation_policy", "severities")
MOST_FILES = 1000
MOST_PROBLEMS = 100
ENOUGH = 200
"""Problems after which we stop looking for more."""


class Place(NamedTuple):
    """Where an object stands: in a file (with the node to find lines in), or in the database (no node)."""

    pointer: str
    origin: Origin
    node: Node | None = None
    said: str = ""

    def problem(self, path: Path, message: str) -> Problem:
        pointer = self.pointer + "".join(f"/{escape(step)}" for step in path)
        line = self.node.line_of(path) if self.node else self.origin.line
        return Problem(f"{self.said}{message}", pointer, self.origin.file, line)


def escape(step: str | int) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return str(step).replace("~", "~0").replace("/", "~1")


@dataclass
class Draft:
    """What the files say, merged. `unreadable` names objects that are there but could not be understood.

    `whole` is False when a file could not be read to its end, so that what it would have defined is not known.
    """

    objects: dict[str, list[Any]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    places: dict[str, list[Place]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    unreadable: dict[str, set[str]] = field(default_factory=lambda: {kind: set() for kind in KINDS})
    default_escalation_policy: str | None = None
    default_place: Place | None = None
    severities: Severities = NOTHING_CHANGED
    severities_place: Place | None = None
    problems: list[Problem] = field(default_factory=list)
    whole: bool = True


def draft(files: Sequence[File]) -> Draft:
    """Read and merge the files. Never raises for what a file holds: that is in `problems`."""
    made = Draft()
    if len(files) > MOST_FILES:
        raise Invalid(f"These are {len(files)} files: at most {MOST_FILES} can be applied at once", "/files")
    for position, file in enumerate(files):
        if not 0 < len(file.name) <= 1000 or text_fault(file.name) or "\n" in file.name:
            raise Invalid("Each file needs a name of 1 to 1000 printable characters", f"/files/{position}/name")
        node, problems = read(file)
        made.problems += problems
        if node is None:
            made.whole = False
        else:
            _add_file(made, file.name, node)
    return made


def _add_file(made: Draft, name: str, node: Node) -> None:
    root = Place("", Origin(name, node.line), node)
    if not isinstance(node.value, dict):
        made.problems.append(root.problem((), "this is not a configuration file: begin with `version: 1`"))
        made.whole = False
        return
    _check_version(made, root, node.value)
    known = ("version", *KINDS, *SETTINGS)
    for key, (_, section) in node.value.items():
        if key in KINDS:
            _add_section(made, root, key, section)
        elif key == "severities":
            _add_severities(made, root, key, section)
        elif key in SETTINGS:
            _add_default(made, root, key, section)
        elif key in NOT_BUILT:
            if section.value not in (None, "null", "~", [], {}):
                made.problems.append(root.problem((key,), _not_built(key)))
        elif key != "version":
            made.problems.append(root.problem((key,), unknown("section", key, known)))


def _not_built(key: str) -> str:
    return f"{key} cannot be used in this release yet, and nothing here is silently ignored: leave the section empty"


def _check_version(made: Draft, root: Place, sections: dict[str, tuple[int, Node]]) -> None:
    if "version" not in sections:
        made.problems.append(root.problem((), "the version is missing: begin the file with `version: 1`"))
    elif (version := sections["version"][1].value) != "1":
        seen = short(version) if isinstance(version, str) else "this"
        made.problems.append(
            root.problem(("version",), f"{seen} is not a version that Tocsin knows: write `version: 1`")
        )


def _add_section(made: Draft, root: Place, kind: str, section: Node) -> None:
    if section.value in (None, "null", "~", {}):
        return
    if not isinstance(section.value, list):
        message = f"write a list of {kind.replace('_', ' ')} here, each beginning with `- id: ...`"
        made.problems.append(root.problem((kind,), message))
        return
    for position, node in enumerate(section.value):
        if len(made.problems) > ENOUGH:
            made.whole = False
            return
        _add_object(made, Place(f"/{kind}/{position}", Origin(root.origin.file, node.line), node), kind, node)


def _add_object(made: Draft, place: Place, kind: str, node: Node) -> None:
    raw = node.plain()
    wrong = [place.problem(*fault) for fault in islice(faults(raw, KINDS[kind]), ENOUGH)]
    made.problems += wrong
    if not wrong:
        made.objects[kind].append(decode(raw, KINDS[kind]))
        made.places[kind].append(place)
    elif isinstance(raw, dict) and isinstance(raw.get("id"), str):
        made.unreadable[kind].add(raw["id"])


def _add_default(made: Draft, root: Place, key: str, section: Node) -> None:
    value, place = section.value, Place(f"/{key}", Origin(root.origin.file, section.line), section)
    if value is None:
        return
    if not isinstance(value, str):
        made.problems.append(place.problem((), "write the id of one escalation policy here"))
    elif made.default_place and made.default_escalation_policy != value:
        first = f"{made.default_place.origin.file}:{made.default_place.origin.line}"
        made.problems.append(place.problem((), f"{key} is set twice, to something else at {first}: keep one"))
    else:
        made.default_escalation_policy, made.default_place = value, place


def _add_severities(made: Draft, root: Place, key: str, section: Node) -> None:
    """An empty section says nothing, like an empty list of objects."""
    if section.value in (None, "null", "~", {}, []):
        return
    line = root.node.line_of((key,)) if root.node else section.line
    place = Place(f"/{key}", Origin(root.origin.file, line), section)
    wrong = [place.problem(*fault) for fault in islice(faults(section.plain(), Severities), ENOUGH)]
    made.problems += wrong
    if wrong:
        return
    found = decode(section.plain(), Severities)
    if made.severities_place and made.severities != found:
        first = f"{made.severities_place.origin.file}:{made.severities_place.origin.line}"
        made.problems.append(place.problem((), f"{key} is set twice, to something else at {first}: join them"))
    else:
        made.severities, made.severities_place = found, place


def complain(problems: Sequence[Problem], what: str = "The configuration") -> None:
    """Raise Invalid with these problems, by file and line, when there are any."""
    if not problems:
        return
    ordered = sorted(problems, key=lambda p: (p.file == "", p.file, p.line))
    count = "one problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    if len(ordered) > MOST_PROBLEMS:
        ordered = [*ordered[:MOST_PROBLEMS], Problem(f"... and {len(ordered) - MOST_PROBLEMS} more problems")]
    raise Invalid(f"{what} has {count}; nothing was changed", ordered[0].pointer, tuple(ordered))


def explain(finding: Finding, places: dict[str, list[Place]], default: Place) -> Problem:
    """A finding of `validation.check` as a problem at its file and line."""
    place = default if finding.place < 0 else places[finding.kind][finding.place]
    message = finding.message
    if finding.first:
        kind, position = finding.first
        first = places[kind][position]
        message += (
            f" (first {first.origin.file}:{first.origin.line})" if first.origin.file else f" (first {first.pointer})"
        )
    return place.problem(finding.path, message)


def stored_place(kind: str, name: str, origin: Origin) -> Place:
    """The place of an object that is in the database and not in the files."""
    return Place(f"/{kind}/{escape(name)}", origin, None, f"the {LABELS[kind]} {short(name)}, which is already there: ")


def directory_of(files: Sequence[File], world: World) -> Directory:
    """The files on their own as a directory, for commands that work offline. Raises Invalid with all problems."""
    made = draft(files)
    if made.whole:
        found = check(
            made.objects,
            world,
            default_escalation_policy=made.default_escalation_policy,
            also_known=made.unreadable,
        )
        default = made.default_place or Place("", Origin())
        made.problems += [explain(finding, made.places, default) for finding in found]
    complain(made.problems)
    origins = {
        (kind, one.id): place.origin
        for kind in KINDS
        for one, place in zip(made.objects[kind], made.places[kind], strict=True)
    }
    if made.severities_place:
        origins[SEVERITIES] = made.severities_place.origin
    return Directory.of(made.objects, made.default_escalation_policy, origins, severities=made.severities)
