"""The five roles, as sentences."""

from __future__ import annotations

import itertools

import pytest

from tocsin.core.configuration import Role
from tocsin.core.errors import Forbidden
from tocsin.core.permission import (
    MAY,
    PERMISSIONS,
    ROLES,
    SAID,
    Permission,
    Principal,
    allowed,
    hidden_kinds,
    require,
    roles_with,
)


def someone(role: Role) -> Principal:
    return Principal(id="user:charlie", role=role, user="charlie", name="Charlie")


def test_there_are_the_five_roles_of_the_contract() -> None:
    assert ROLES == ("admin", "manager", "responder", "observer", "stakeholder")
    assert set(MAY) == set(ROLES)


def test_an_admin_may_do_everything() -> None:
    assert MAY["admin"] == set(PERMISSIONS)


def test_each_role_may_do_more_than_the_one_below_it() -> None:
    for upper, lower in itertools.pairwise(ROLES):
        assert MAY[upper] > MAY[lower]


def test_a_stakeholder_sees_incidents_says_how_to_be_reached_and_nothing_else() -> None:
    assert MAY["stakeholder"] == {"see_incidents", "reach_self"}


def test_an_observer_sees_but_changes_nothing_but_how_to_be_reached() -> None:
    assert all(p.startswith("see_") or p in ("rehearse", "reach_self") for p in MAY["observer"])
    assert not allowed("observer", "respond")


def test_a_responder_responds_but_does_not_configure_and_does_not_see_keys() -> None:
    assert allowed("responder", "respond")
    assert not allowed("responder", "configure")
    assert not allowed("responder", "see_keys")


def test_a_manager_configures_but_does_not_hand_out_access() -> None:
    assert allowed("manager", "configure")
    assert not allowed("manager", "manage_access")
    assert not allowed("manager", "import_incidents")


def test_being_refused_says_who_wanted_what_and_which_role_it_needs() -> None:
    with pytest.raises(Forbidden) as refused:
        require(someone("observer"), "respond")
    assert str(refused.value) == (
        "Charlie has the role observer and may not respond to incidents: that needs the role responder."
    )
    require(someone("responder"), "respond")


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_every_permission_has_words_and_someone_who_holds_it(permission: Permission) -> None:
    assert SAID[permission]
    assert roles_with(permission)[0] == "admin"


def test_only_a_stakeholder_is_not_told_of_pages_and_alerts_in_a_timeline() -> None:
    assert {"paged", "notified", "alerts_joined"} < hidden_kinds("stakeholder")
    assert "acknowledged" not in hidden_kinds("stakeholder")
    assert hidden_kinds("observer") == frozenset()
