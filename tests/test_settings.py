from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from tocsin import settings as subject
from tocsin.core.errors import Invalid
from tocsin.settings import Settings, load, misspelt, names

LONG = "0123456789abcdef0123456789abcdef"


def test_nothing_set_gives_the_defaults() -> None:
    assert load({}) == Settings()
    assert load({"TOCSIN_DATABASE_URL": "", "TOCSIN_LOG_FORMAT": " "}) == Settings()


def test_every_field_has_a_reader() -> None:
    assert set(subject._READERS) == {item.name for item in fields(Settings)}


def test_values_arrive_as_their_types() -> None:
    settings = load({
        "TOCSIN_DATA": "/srv/tocsin", "TOCSIN_LEASE_SECONDS": "4.5", "TOCSIN_EXTERNAL_URL": "https://tocsin.example/",
        "TOCSIN_BOOTSTRAP_TOKEN": LONG, "TOCSIN_TRUSTED_PROXIES": "10.0.0.7,fd00::/8",
    })  # fmt: skip
    assert settings.trusted_proxies == ("10.0.0.7/32", "fd00::/8")
    assert load({"TOCSIN_TRUSTED_PROXIES": "none"}).trusted_proxies == ()
    assert settings.data == Path("/srv/tocsin")
    assert settings.lease_seconds == 4.5
    assert settings.external_url == "https://tocsin.example"
    assert settings.bootstrap_token == LONG


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY", "BOOTSTRAP_TOKEN", "SMTP_URL"])
def test_each_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    value = {"DATABASE_URL": "postgresql://db/tocsin", "SMTP_URL": "smtp://mail:25"}.get(name, LONG)
    file = tmp_path / "secret"
    file.write_text(f"{value}\n")
    assert getattr(load({f"TOCSIN_{name}_FILE": str(file)}), name.lower()) == value
    with pytest.raises(Invalid, match="both set"):
        load({f"TOCSIN_{name}_FILE": str(file), f"TOCSIN_{name}": value})
    with pytest.raises(Invalid, match=f"{name}_FILE names .*: No such file"):
        load({f"TOCSIN_{name}_FILE": str(tmp_path / "absent")})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BOOTSTRAP_TOKEN", "short", "has 5 characters and needs at least 32"),
        ("BOOTSTRAP_TOKEN", f"{LONG} {LONG}", "without spaces"),
        ("SECRET_KEY", "short", "at least 32"),
        ("DATABASE_URL", "mysql://db/tocsin", "must look like postgresql://"),
        ("DATABASE_URL", "db:5432", "must look like postgresql://"),
        ("EXTERNAL_URL", "tocsin.example.com", "must be the address"),
        ("EXTERNAL_URL", "https://tocsin.example/?x=1", "must be the address"),
        ("TRUSTED_PROXIES", "10.0.0.7, proxy", "'proxy' is neither"),
        ("SMTP_URL", "mail.example.com:25", "must look like smtp://"),
        ("MAIL_FROM", "nobody", "must be a mail address"),
        ("LOG_FORMAT", "xml", "must be text or json"),
        ("LEASE_SECONDS", "soon", "from 2 to 300"),
        ("LEASE_SECONDS", "nan", "from 2 to 300"),
        ("LEASE_SECONDS", "0", "from 2 to 300"),
    ],
)
def test_nonsense_is_refused(name: str, value: str, says: str) -> None:
    with pytest.raises(Invalid, match=f"TOCSIN_{name} .*{says}"):
        load({f"TOCSIN_{name}": value})


def test_all_problems_are_told_at_once_and_no_secret_among_them() -> None:
    with pytest.raises(Invalid) as caught:
        load(
            {
                "TOCSIN_BOOTSTRAP_TOKEN": "hunter2",
                "TOCSIN_DATABASE_URL": "db://u:hunter2@db",
                "TOCSIN_LOG_FORMAT": "xml",
            }
        )
    assert len(caught.value.problems) == 3
    assert "hunter2" not in str(caught.value)


def test_a_misspelt_name_is_noticed_and_a_strangers_is_not() -> None:
    environment = {"TOCSIN_DATABSE_URL": "x", "TOCSIN_PORT": "tcp://10.0.0.1:8420", "TOCSIN_SERVICE_HOST": "10.0.0.1"}
    assert misspelt(environment) == [("TOCSIN_DATABSE_URL", "TOCSIN_DATABASE_URL")]
    assert misspelt(dict.fromkeys([*names(), "TOCSIN_URL", "TOCSIN_TOKEN"], "x")) == []


def test_the_users_own_place_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(subject.os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings().data == tmp_path / "tocsin"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/alice")
    assert Settings().data == Path("/home/alice/.local/share/tocsin")
    monkeypatch.setattr(subject.os, "geteuid", lambda: 0)
    assert Settings().data == Path("/var/lib/tocsin")
