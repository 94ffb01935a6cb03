"""Who gets in. Alice is a responder of the payments team, Bob is on it too, Erin manages it; Charlie is outside; Ada is admin."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.clock import TravelClock
from tocsin.core.configuration import Team, User
from tocsin.core.directory import Directory
from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthenticated
from tocsin.core.permission import Principal
from tocsin.flow.context import Context
from tocsin.manage import access
from tocsin.settings import Settings
from tocsin.store.database import Database

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BOOTSTRAP = "bootstrap-0123456789abcdef-0123456789"
GOOD, BETTER = "staple horse battery", "copper lantern walks"
HOME = "192.0.2.7"

ALICE = User(id="alice", name="Alice Ng", email="Alice@Example.com", role="responder")
BOB = User(id="bob", name="Bob Orr", role="responder")
ERIN = User(id="erin", name="Erin Vale", role="manager")
CHARLIE = User(id="charlie", name="Charlie Poe", role="stakeholder")
ADA = User(id="ada", name="Ada King", role="admin")
PAYMENTS = Team(id="payments", members=("alice", "bob"), manager="erin")
ADMIN = Principal("user:ada", "admin", "ada", "Ada King")
RESPONDER = Principal("user:alice", "responder", "alice", "Alice Ng")


class World:
    """One installation whose clock the test moves."""

    def __init__(self, db: Database, *users: User) -> None:
        self.clock = TravelClock(NOON)
        self.ctx = Context(
            settings=Settings(bootstrap_token=BOOTSTRAP, external_url="https://tocsin.example/"),
            clock=self.clock, db=db, channels={}, secret=b"s" * 32, instance="test",
        )  # fmt: skip
        self.people(*users)

    def people(self, *users: User) -> None:
        self.ctx.directory = Directory.of({"users": users, "teams": [PAYMENTS]})

    def wait(self, **span: float) -> None:
        self.clock.advance(timedelta(**span))

    async def link_for(self, user: str) -> str:
        url = await access.create_link(self.ctx, ADMIN, user)
        return url.removeprefix("https://tocsin.example/sign-in/")

    async def has_password(self, user: str, password: str = GOOD) -> str:
        """Sign in by link, set a password; the session's cookie."""
        cookie = await access.use_link(self.ctx, await self.link_for(user))
        await access.set_password(self.ctx, await self.who(cookie), cookie, password)
        return cookie

    async def who(self, cookie: str) -> Principal:
        return await access.principal_of_session(self.ctx, cookie)

    async def sign_in(self, user: str, password: str = GOOD, address: str = HOME) -> str:
        return await access.sign_in(self.ctx, user, password, address)

    async def guess(self, user: str, times: int, address: str = HOME) -> None:
        for n in range(times):
            with pytest.raises(Unauthenticated):
                await self.sign_in(user, f"wrong horse {n}", address)

    async def stored(self, table: str) -> str:
        async with self.ctx.db.reading() as tx:
            return str(await tx.fetch(f"SELECT * FROM {table}"))


@pytest.fixture
def world(db: Database) -> World:
    return World(db, ALICE, BOB, ERIN, CHARLIE, ADA)


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_a_token_opens_with_its_role_and_only_its_hash_is_stored(world: World) -> None:
    made, secret = await access.create_token(world.ctx, ADMIN, "deploy", "observer")
    assert re.fullmatch(r"tocsin_[\w-]{43}", secret)
    found = await access.principal_of_token(world.ctx, secret)
    assert (found.id, found.role, found.user) == ("token:deploy", "observer", None)
    assert (made.name, made.created_by, made.created_at) == ("deploy", "user:ada", NOON)
    assert secret not in await world.stored("tokens") + await world.stored("audit")


async def test_a_revoked_token_opens_nothing_and_revoking_twice_keeps_the_first_time(world: World) -> None:
    _, secret = await access.create_token(world.ctx, ADMIN, "deploy", "admin")
    await access.revoke_token(world.ctx, ADMIN, "deploy")
    world.wait(hours=1)
    assert (await access.revoke_token(world.ctx, ADMIN, "deploy")).revoked_at == NOON
    with pytest.raises(Unauthenticated):
        await access.principal_of_token(world.ctx, secret)
    with pytest.raises(NotFound):
        await access.revoke_token(world.ctx, ADMIN, "nothing")


async def test_the_last_use_of_a_token_is_known_to_the_minute(world: World) -> None:
    _, secret = await access.create_token(world.ctx, ADMIN, "deploy", "observer")
    for seconds in (0, 30, 40):
        world.wait(seconds=seconds)
        await access.principal_of_token(world.ctx, secret)
    assert (await access.list_tokens(world.ctx, ADMIN))[0].last_used_at == NOON + timedelta(seconds=70)


@pytest.mark.parametrize("bearer", ["", "tocsin_", "tocsin_nonsense", "x", "\udcff", BOOTSTRAP + "x", BOOTSTRAP[:-1]])
async def test_nonsense_is_no_token(world: World, bearer: str) -> None:
    with pytest.raises(Unauthenticated):
        await access.principal_of_token(world.ctx, bearer)


async def test_the_bootstrap_token_is_admin_and_is_never_stored(world: World) -> None:
    assert (await access.principal_of_token(world.ctx, BOOTSTRAP)).role == "admin"
    assert await access.list_tokens(world.ctx, ADMIN) == []


async def test_without_a_bootstrap_token_the_empty_token_is_nobody(world: World) -> None:
    world.ctx.settings = Settings(bootstrap_token="")
    with pytest.raises(Unauthenticated):
        await access.principal_of_token(world.ctx, "")


async def test_token_names_are_used_once_and_roles_are_the_five(world: World) -> None:
    await access.create_token(world.ctx, ADMIN, "deploy", "observer")
    with pytest.raises(Conflict):
        await access.create_token(world.ctx, ADMIN, "deploy", "observer")
    for name, role, pointer in (("ci", "root", "/role"), (" ", "observer", "/name"), ("bootstrap", "admin", "/name")):
        with pytest.raises(Invalid) as refused:
            await access.create_token(world.ctx, ADMIN, name, role)
        assert refused.value.pointer == pointer


async def test_a_responder_does_not_hand_out_access(world: World) -> None:
    for attempt in (
        access.create_token(world.ctx, RESPONDER, "mine", "admin"),
        access.list_tokens(world.ctx, RESPONDER),
        access.revoke_token(world.ctx, RESPONDER, "deploy"),
        access.create_link(world.ctx, RESPONDER, "ada"),
    ):
        with pytest.raises(Forbidden):
            await attempt


# --- the first sign-in ------------------------------------------------------------------------------------------------


async def test_the_first_link_signs_in_the_built_in_admin_when_nobody_is_configured(world: World) -> None:
    world.people()
    url = await access.first_link(world.ctx)
    assert url
    assert url.startswith("https://tocsin.example/sign-in/")
    cookie = await access.use_link(world.ctx, url.rsplit("/", 1)[1])
    principal = await world.who(cookie)
    assert (principal.id, principal.role) == ("user:admin", "admin")
    assert await access.needs_password(world.ctx, principal)


async def test_the_first_link_is_for_the_configured_admin_when_there_is_one(world: World) -> None:
    url = await access.first_link(world.ctx) or ""
    assert (await access.link_owner(world.ctx, url.rsplit("/", 1)[1])).id == "user:ada"


async def test_each_start_prints_a_link_until_an_admin_has_a_password_and_only_the_last_one_works(world: World) -> None:
    first, second = await access.first_link(world.ctx) or "", await access.first_link(world.ctx) or ""
    with pytest.raises(Unauthenticated):
        await access.use_link(world.ctx, first.rsplit("/", 1)[1])
    cookie = await access.use_link(world.ctx, second.rsplit("/", 1)[1])
    await access.set_password(world.ctx, await world.who(cookie), cookie, GOOD)
    assert await access.first_link(world.ctx) is None


async def test_a_link_works_once_even_when_two_use_it_together(world: World) -> None:
    link = await world.link_for("alice")
    tries = await asyncio.gather(*(access.use_link(world.ctx, link) for _ in range(5)), return_exceptions=True)
    assert sorted(type(t).__name__ for t in tries) == ["Unauthenticated"] * 4 + ["str"]


async def test_looking_at_a_link_does_not_spend_it(world: World) -> None:
    link = await world.link_for("alice")
    await access.link_owner(world.ctx, link)
    await access.link_owner(world.ctx, link)
    assert (await world.who(await access.use_link(world.ctx, link))).id == "user:alice"


async def test_a_link_is_dead_after_fifteen_minutes(world: World) -> None:
    link = await world.link_for("alice")
    world.wait(minutes=15)
    with pytest.raises(Unauthenticated):
        await access.link_owner(world.ctx, link)
    with pytest.raises(Unauthenticated):
        await access.use_link(world.ctx, link)


async def test_nobody_gets_a_link_for_a_stranger(world: World) -> None:
    with pytest.raises(NotFound):
        await access.create_link(world.ctx, ADMIN, "mallory")


# --- passwords --------------------------------------------------------------------------------------------------------


async def test_alice_signs_in_by_name_or_mail_in_any_case(world: World) -> None:
    await world.has_password("alice")
    for name in ("alice", " Alice ", "alice@example.com"):
        assert (await world.who(await world.sign_in(name))).id == "user:alice"
    assert GOOD not in await world.stored("accounts")


async def test_wrong_password_unknown_user_and_user_without_password_are_told_the_same(world: World) -> None:
    await world.has_password("alice")
    told = set()
    for user in ("alice", "bob", "mallory"):
        with pytest.raises(Unauthenticated) as refused:
            await world.sign_in(user, "not the password")
        told.add(str(refused.value))
    assert told == {"The user name or the password is not right."}


async def test_after_five_wrong_guesses_even_the_right_password_waits_its_time(world: World) -> None:
    await world.has_password("alice")
    await world.guess("alice", access.GUESSES_PAIR)
    with pytest.raises(TooMany) as refused:
        await world.sign_in("alice")
    assert refused.value.retry_after == 15 * 60
    world.wait(minutes=15, seconds=1)
    assert await world.sign_in("alice")


async def test_a_stranger_who_guesses_does_not_lock_alice_out_at_home(world: World) -> None:
    await world.has_password("alice")
    await world.guess("alice", access.GUESSES_PAIR, address="198.51.100.9")
    assert await world.sign_in("alice", address=HOME)


async def test_one_address_may_not_try_everybody(world: World) -> None:
    for n in range(access.GUESSES_ADDRESS):
        with pytest.raises(Unauthenticated):
            await world.sign_in(f"someone-{n}", "a password", "198.51.100.9")
    with pytest.raises(TooMany):
        await world.sign_in("bob", "a password", "198.51.100.9")


async def test_a_whole_ipv6_network_is_one_address(world: World) -> None:
    for n in range(access.GUESSES_PAIR):
        await world.guess("alice", 1, address=f"2001:db8::{n + 1}")
    with pytest.raises(TooMany):
        await world.sign_in("alice", address="2001:db8::ffff")


async def test_guesses_made_at_the_same_time_are_all_counted(world: World) -> None:
    await world.has_password("alice")
    tries = await asyncio.gather(*(world.sign_in("alice", f"wrong {n}") for n in range(12)), return_exceptions=True)
    assert sum(isinstance(t, Unauthenticated) for t in tries) == access.GUESSES_PAIR
    assert sum(isinstance(t, TooMany) for t in tries) == 12 - access.GUESSES_PAIR


async def test_signing_in_rightly_forgets_the_typing_mistakes(world: World) -> None:
    await world.has_password("alice")
    await world.guess("alice", access.GUESSES_PAIR - 1)
    await world.sign_in("alice")
    await world.guess("alice", access.GUESSES_PAIR - 1)
    assert await world.sign_in("alice")


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaaaaaa", "alice-alice1", "x" * 1025])
async def test_a_weak_password_is_refused(world: World, weak: str) -> None:
    cookie = await access.use_link(world.ctx, await world.link_for("alice"))
    with pytest.raises(Invalid):
        await access.set_password(world.ctx, await world.who(cookie), cookie, weak)


async def test_changing_the_password_asks_for_the_old_one_and_ends_every_other_session(world: World) -> None:
    await world.has_password("alice")
    phone, desk = await world.sign_in("alice"), await world.sign_in("alice")
    alice = await world.who(desk)
    with pytest.raises(Invalid) as refused:
        await access.set_password(world.ctx, alice, desk, BETTER, current="wrong")
    assert refused.value.pointer == "/current"
    await access.set_password(world.ctx, alice, desk, BETTER, current=GOOD)
    assert (await world.who(desk)).id == "user:alice"
    with pytest.raises(Unauthenticated):
        await world.who(phone)
    with pytest.raises(Unauthenticated):
        await world.sign_in("alice", GOOD)
    assert await world.sign_in("alice", BETTER)


async def test_after_a_link_the_forgotten_password_is_replaced_without_it_but_only_once(world: World) -> None:
    await world.has_password("alice")
    cookie = await access.use_link(world.ctx, await world.link_for("alice"))
    alice = await world.who(cookie)
    await access.set_password(world.ctx, alice, cookie, BETTER)
    with pytest.raises(Invalid):
        await access.set_password(world.ctx, alice, cookie, GOOD)


async def test_guessing_the_current_password_is_throttled_too(world: World) -> None:
    await world.has_password("alice")
    cookie = await world.sign_in("alice")
    alice = await world.who(cookie)
    for _ in range(access.GUESSES_PAIR):
        with pytest.raises(Invalid):
            await access.set_password(world.ctx, alice, cookie, BETTER, current="wrong", address=HOME)
    with pytest.raises(TooMany):
        await access.set_password(world.ctx, alice, cookie, BETTER, current=GOOD, address=HOME)


# --- sessions ---------------------------------------------------------------------------------------------------------


async def test_a_session_ends_after_twelve_idle_hours(world: World) -> None:
    cookie = await world.has_password("alice")
    world.wait(hours=11)
    await world.who(cookie)
    world.wait(hours=11)
    await world.who(cookie)
    world.wait(hours=12, seconds=1)
    with pytest.raises(Unauthenticated):
        await world.who(cookie)


async def test_a_session_ends_after_fourteen_days_however_busy(world: World) -> None:
    cookie = await world.has_password("alice")
    for _ in range(14 * 24 - 1):
        world.wait(hours=1)
        await world.who(cookie)
    world.wait(hours=1)
    with pytest.raises(Unauthenticated):
        await world.who(cookie)


async def test_signing_out_ends_this_session_and_elsewhere_the_others(world: World) -> None:
    await world.has_password("alice")
    phone, desk = await world.sign_in("alice"), await world.sign_in("alice")
    assert await access.sign_out_elsewhere(world.ctx, await world.who(desk), desk) == 2
    with pytest.raises(Unauthenticated):
        await world.who(phone)
    await access.sign_out(world.ctx, desk)
    await access.sign_out(world.ctx, desk)
    with pytest.raises(Unauthenticated):
        await world.who(desk)


async def test_a_cookie_is_stored_only_as_its_hash(world: World) -> None:
    cookie = await world.has_password("alice")
    assert cookie not in await world.stored("sessions")


async def test_a_role_changed_in_the_configuration_holds_at_once(world: World) -> None:
    cookie = await world.has_password("alice")
    assert (await world.who(cookie)).role == "responder"
    world.people(User(id="alice", role="observer"))
    assert (await world.who(cookie)).role == "observer"


async def test_who_leaves_the_configuration_is_out_at_once(world: World) -> None:
    cookie = await world.has_password("charlie")
    world.people(ALICE, BOB)
    with pytest.raises(Unauthenticated):
        await world.who(cookie)
    with pytest.raises(Unauthenticated):
        await world.sign_in("charlie")


async def test_the_built_in_admin_is_whoever_the_configuration_says_once_it_names_one(world: World) -> None:
    cookie = await world.has_password("admin")
    assert (await world.who(cookie)).role == "admin"
    world.people(User(id="admin", role="observer"))
    assert (await world.who(cookie)).role == "observer"
