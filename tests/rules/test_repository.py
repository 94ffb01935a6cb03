"""Rules for everything that is tracked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_LINES_OF_A_DECISION = 60

REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs|registry\.yarnpkg|unpkg\.com|jsdelivr\.net|cdnjs\.|index-url\s*=",
    re.IGNORECASE,
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|root|home/(?!alice|\$|<)[a-z]\w+|Users/\w+)/")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def lines_that_match(pattern: re.Pattern[str], *, besides: tuple[str, ...] = ()) -> list[str]:
    found = []
    for path in tracked():
        name = str(path.relative_to(ROOT))
        if name.startswith(besides) or path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        found += [f"{name}:{number}" for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    return found


def test_no_file_names_a_package_registry_or_a_foreign_host_for_code() -> None:
    assert lines_that_match(REGISTRIES, besides=("src/tocsin/web/static/vendor/",)) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert lines_that_match(MACHINE_PATHS, besides=("src/tocsin/web/static/vendor/",)) == []


def test_decisions_are_short_and_numbered() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{n:04d}" for n in range(1, len(decisions) + 1)]
    assert len(decisions) >= 10
    long = {path.name: n for path in decisions if (n := len(path.read_text().splitlines())) > MOST_LINES_OF_A_DECISION}
    assert long == {}


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []


def test_paths_that_the_map_names_exist() -> None:
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:src|tests|docs|bench|tools)/[\w./-]+)`", text))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_continuous_integration_runs_make_test() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_wheel_holds_everything_that_the_program_reads(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    wanted = {str(path.relative_to(source)) for path in tracked() if path.is_relative_to(source / "tocsin")}
    assert wanted - held == set()
    assert any(name.startswith("tocsin/store/migrations/") for name in held)
    assert any(name.endswith("licenses/LICENSE") for name in held)
