"""Who is asking: API tokens, sign-in by password or one-time link, sessions. Of a secret only its SHA-256 is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil

from tocsin.core.configuration import Role, User
from tocsin.core.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthenticated
from tocsin.core.network import place
from tocsin.core.permission import ROLES, Principal, require
from tocsin.flow.context import Context
from tocsin.manage.passwords import check_password, hash_password, password_matches
from tocsin.store import access as store
from tocsin.store.access import Session, Token
from tocsin.store.database import Tx

TOKEN_PREFIX = "tocsin_"
FIRST_ADMIN = "admin"
"""The built-in administrator: there until a configured user takes the id, so that nobody can lock everybody out."""

SESSION_IDLE = timedelta(hours=12)
SESSION_LIFE = timedelta(days=14)
LINK_LIFE = timedelta(minutes=15)
SEEN_STEP = timedelta(minutes=1)
"""`last_used_at` and `seen_at` are written at most this often."""

GUESS_WINDOW = timedelta(minutes=15)
GUESSES_PAIR = 5
GUESSES_ADDRESS = 30
GUESSES_USER = 100
"""Wrong passwords per window: one user from one address, one address, one user. The last is generous, so that strangers
who guess from many places cannot easily keep the person on call out."""


def digest(secret: str) -> bytes:
    """What is stored of a secret of 256 random bits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


# --- who is asking ----------------------------------------------------------------------------------------------------


async def principal_of_token(ctx: Context, bearer: str) -> Principal:
    """The owner of an API token. Raises Unauthenticated when it is unknown or revoked."""
    bootstrap = ctx.settings.bootstrap_token
    if bootstrap and hmac.compare_digest(digest(bearer), digest(bootstrap)):
        return Principal("token:bootstrap", "admin", None, "The bootstrap token")
    now = ctx.clock.now()
    async with ctx.db.reading(reserved=True) as tx:
        found = await store.token(tx, digest(bearer)) if bearer.startswith(TOKEN_PREFIX) else None
        if found and (found.last_used_at is None or now - found.last_used_at >= SEEN_STEP):
            await store.touch_token(tx, found.id, now)
    if found is None:
        raise Unauthenticated("This API token is unknown or was revoked.")
    if found.user_id is not None:
        return _person_by_token(ctx, found)
    return Principal(f"token:{found.name}", _role(found.role), None, f"The token {found.name}")


def _person_by_token(ctx: Context, token: Token) -> Principal:
    """The person whose token this is, with the lesser of both roles. Raises Unauthenticated when the person is gone."""
    person = _person(ctx, token.user_id or "")
    if person is None:
        raise Unauthenticated("The person whose API token this is does not exist any more.")
    return replace(person, role=max(person.role, _role(token.role), key=ROLES.index))


async def principal_of_session(ctx: Context, cookie: str) -> Principal:
    """The person behind a session cookie, with the role that the configuration gives them at this moment.

    Raises Unauthenticated when the session is over or the person is gone.
    """
    now = ctx.clock.now()
    async with ctx.db.reading(reserved=True) as tx:
        found = await store.session(tx, digest(cookie), now - SESSION_IDLE, now)
        if found and now - found.seen_at >= SEEN_STEP:
            await store.touch_session(tx, digest(cookie), now)
    principal = _person(ctx, found.user_id) if found else None
    if principal is None:
        raise Unauthenticated("You are signed out: sign in to go on.")
    return principal


def _person(ctx: Context, user: str) -> Principal | None:
    known = ctx.directory.users.get(user)
    if known is not None:
        return Principal(f"user:{known.id}", known.role, known.id, known.label)
    return Principal(f"user:{FIRST_ADMIN}", "admin", FIRST_ADMIN, "Administrator") if user == FIRST_ADMIN else None


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise Invalid(f"{text!r} is not a role: use one of {', '.join(ROLES)}", "/role")


# --- API tokens -------------------------------------------------------------------------------------------------------


async def create_token(
    ctx: Context, principal: Principal, name: str, role: str = "responder", user: str | None = None
) -> tuple[Token, str]:
    """A new token and its secret, told this once; with `user` it acts as that person. Raises Invalid (name, role, user), Conflict
    (name taken), Forbidden."""
    require(principal, "manage_access")
    name, known, now = _token_name(name), _role(role), ctx.clock.now()
    if user is not None and _person(ctx, user) is None:
        raise Invalid(f"There is no user {user!r}", "/user")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    async with ctx.db.transaction() as tx:
        made = await store.add_token(tx, name, digest(secret), known, principal.id, now, user)
        if made is None:
            raise Conflict(f"There is, or was, a token named {name}: the records speak of it, so choose another.")
        await store.audit(tx, now, principal.id, "token.create", f"token:{name}", {"role": known, "user": user})
    return made, secret


def _token_name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise Invalid("A token needs a name of 1 to 64 characters that says what it is for", "/name")
    if name == "bootstrap":
        raise Invalid("The name bootstrap belongs to TOCSIN_BOOTSTRAP_TOKEN: choose another", "/name")
    return name


async def list_tokens(ctx: Context, principal: Principal) -> list[Token]:
    """All tokens, newest first, revoked ones too."""
    require(principal, "manage_access")
    async with ctx.db.reading() as tx:
        return await store.tokens(tx)


async def revoke_token(ctx: Context, principal: Principal, name: str) -> Token:
    """From now on the token opens nothing. Raises NotFound; revoking twice is fine."""
    require(principal, "manage_access")
    now = ctx.clock.now()
    async with ctx.db.transaction() as tx:
        gone = await store.revoke_token(tx, name, now)
        if gone is None:
            raise NotFound(f"There is no token named {name!r}.")
        if gone.revoked_at == now:
            await store.audit(tx, now, principal.id, "token.revoke", f"token:{name}")
    return gone


# --- sign-in by password ----------------------------------------------------------------------------------------------


async def sign_in(ctx: Context, user: str, password: str, address: str, agent: str = "") -> str:
    """A session token for the right password. `user` may be the id or the e-mail address; `address` is the client's.

    Raises Unauthenticated (without saying which of the two was wrong) or TooMany.
    """
    name = _user_named(ctx, user)
    counted = await _count_guess(ctx, name, address)
    async with ctx.db.reading() as tx:
        hashed = await store.password_hash(tx, name)
    if not await password_matches(hashed, password) or _person(ctx, name) is None:
        raise Unauthenticated("The user name or the password is not right.")
    await _forget_guess(ctx, name, address, counted)
    return await _open_session(ctx, name, "password", agent)


def _user_named(ctx: Context, text: str) -> str:
    name = text.strip()[:320]
    if name in ctx.directory.users:
        return name
    lowered = name.lower()
    by_mail = [u.id for u in ctx.directory.users.values() if u.email and u.email.lower() == lowered]
    return by_mail[0] if len(by_mail) == 1 else lowered


def _subjects(user: str, address: str) -> dict[str, int]:
    """What guesses are counted under, with the limit of each."""
    where = place(address)
    return {
        f"pair:{user} {where}": GUESSES_PAIR, f"address:{where}": GUESSES_ADDRESS, f"user:{user}": GUESSES_USER,
    }  # fmt: skip


async def _count_guess(ctx: Context, user: str, address: str) -> datetime:
    """Count a guess before it is checked, so that many at once are not checked for the price of one. Raises TooMany."""
    now, limits = ctx.clock.now(), _subjects(user, address)
    subjects = list(limits)
    async with ctx.db.transaction() as tx:
        await store.lock_guesses(tx, subjects)
        for subject, (n, oldest) in (await store.guesses(tx, subjects, now - GUESS_WINDOW)).items():
            if n >= limits[subject]:
                wait = max(1, ceil((oldest + GUESS_WINDOW - now).total_seconds()))
                raise TooMany(f"Too many wrong passwords: try again in {ceil(wait / 60)} min.", wait)
        await store.add_guess(tx, subjects, now, now - GUESS_WINDOW)
    return now


async def _forget_guess(ctx: Context, user: str, address: str, counted: datetime) -> None:
    pair, *others = _subjects(user, address)
    async with ctx.db.transaction() as tx:
        await store.forget_guesses(tx, pair)
        await store.forget_guess(tx, others, counted)


# --- sign-in by link --------------------------------------------------------------------------------------------------


async def first_link(ctx: Context) -> str | None:
    """A sign-in link to print on start, as long as no administrator has a password; else None.

    It is for the first configured user with the role admin, or for the built-in one when there is none.
    """
    admins = sorted(u.id for u in ctx.directory.users.values() if u.role == "admin") or [FIRST_ADMIN]
    async with ctx.db.transaction() as tx:
        if await store.users_with_password(tx) & {*admins, FIRST_ADMIN}:
            return None
        return await _add_link(ctx, tx, admins[0], "tocsin")


async def create_link(ctx: Context, principal: Principal, user: str) -> str:
    """A sign-in link for someone who has no password yet or forgot it. Raises NotFound, Forbidden."""
    require(principal, "manage_access")
    if _person(ctx, user) is None:
        raise NotFound(f"There is no user {user!r}.")
    async with ctx.db.transaction() as tx:
        return await _add_link(ctx, tx, user, principal.id)


async def _add_link(ctx: Context, tx: Tx, user: str, actor: str) -> str:
    now, secret = ctx.clock.now(), secrets.token_urlsafe(32)
    await store.drop_links(tx, user)
    await store.add_link(tx, digest(secret), user, now, now + LINK_LIFE)
    await store.audit(tx, now, actor, "link.create", f"user:{user}")
    return f"{ctx.settings.external_url.rstrip('/')}/sign-in/{secret}"


async def link_owner(ctx: Context, link: str) -> Principal:
    """Whom the link would sign in, without spending it. Raises Unauthenticated."""
    async with ctx.db.reading() as tx:
        user = await store.link_user(tx, digest(link), ctx.clock.now())
    principal = _person(ctx, user) if user else None
    if principal is None:
        raise Unauthenticated(_SPENT)
    return principal


async def use_link(ctx: Context, link: str, agent: str = "") -> str:
    """Spend the link: a session token, once. Raises Unauthenticated for every other caller."""
    async with ctx.db.transaction() as tx:
        user = await store.use_link(tx, digest(link), ctx.clock.now())
    if user is None or _person(ctx, user) is None:
        raise Unauthenticated(_SPENT)
    return await _open_session(ctx, user, "link", agent)


_SPENT = (
    "This sign-in link was used already or is older than 15 minutes. Ask an administrator for a new one;"
    " until an administrator has a password, Tocsin prints a new one each time it starts."
)


# --- sessions and passwords -------------------------------------------------------------------------------------------


async def _open_session(ctx: Context, user: str, via: str, agent: str) -> str:
    now, secret = ctx.clock.now(), secrets.token_urlsafe(32)
    async with ctx.db.transaction() as tx:
        await store.add_session(tx, digest(secret), user, via, now, now + SESSION_LIFE, agent[:200])
        await store.signed_in(tx, user, now)
        await store.audit(tx, now, f"user:{user}", "sign_in", f"user:{user}", {"via": via})
    return secret


async def sign_out(ctx: Context, cookie: str) -> None:
    """End the session. Signing out twice is fine."""
    async with ctx.db.transaction() as tx:
        await store.end_session(tx, digest(cookie))


async def sign_out_elsewhere(ctx: Context, principal: Principal, cookie: str) -> int:
    """End every other session of the same person; how many there were."""
    async with ctx.db.transaction() as tx:
        return await store.end_sessions(tx, principal.user or "", but=digest(cookie))


async def users_with_password(ctx: Context, principal: Principal) -> set[str]:
    """The ids of everybody who has a password."""
    require(principal, "manage_access")
    async with ctx.db.reading() as tx:
        return await store.users_with_password(tx)


async def needs_password(ctx: Context, principal: Principal) -> bool:
    """True when this person has no password yet."""
    async with ctx.db.reading() as tx:
        return await store.password_hash(tx, principal.user or "") is None


async def asks_current_password(ctx: Context, cookie: str) -> bool:
    """False when there is none yet, or when this session began with a sign-in link."""
    async with ctx.db.reading() as tx:
        found = await _session(ctx, tx, cookie)
        return found.via != "link" and await store.password_hash(tx, found.user_id) is not None


async def set_password(
    ctx: Context, principal: Principal, cookie: str, new: str, current: str = "", address: str = ""
) -> None:
    """Set or change one's own password; every other session of this person ends, and open sign-in links too.

    Raises Invalid (too short, current one wrong), TooMany (guessing the current one), Forbidden (an API token).
    """
    if principal.user is None:
        raise Forbidden("An API token has no password.")
    check_password(new, principal.user)
    if await asks_current_password(ctx, cookie):
        await _check_current(ctx, principal.user, current, address)
    hashed, now = await hash_password(new), ctx.clock.now()
    async with ctx.db.transaction() as tx:
        await store.set_password_hash(tx, principal.user, hashed)
        await store.end_sessions(tx, principal.user, but=digest(cookie))
        await store.session_has_password(tx, digest(cookie))
        await store.drop_links(tx, principal.user)
        await store.audit(tx, now, principal.id, "password.set", principal.id)


async def _check_current(ctx: Context, user: str, current: str, address: str) -> None:
    counted = await _count_guess(ctx, user, address)
    async with ctx.db.reading() as tx:
        hashed = await store.password_hash(tx, user)
    if not await password_matches(hashed, current):
        raise Invalid("The current password is not right", "/current")
    await _forget_guess(ctx, user, address, counted)


async def _session(ctx: Context, tx: Tx, cookie: str) -> Session:
    now = ctx.clock.now()
    found = await store.session(tx, digest(cookie), now - SESSION_IDLE, now)
    if found is None:
        raise Unauthenticated("You are signed out: sign in to go on.")
    return found


def user_of(ctx: Context, principal: Principal) -> User | None:
    """The configured person behind the principal, if there is one."""
    return ctx.directory.users.get(principal.user) if principal.user else None
