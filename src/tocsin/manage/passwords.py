"""Local passwords: argon2id, always in a thread of its own, and as slow for a user who does not exist."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from tocsin.core.errors import Invalid

SHORTEST = 12
LONGEST = 1024

# 19 MiB, two passes (OWASP's minimum for argon2id): about 30 ms, and two at a time cannot exhaust a small machine.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="argon2")
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$dG9jc2luLW5vYm9keSEh$8iaqPmvcVQV6VxKEeR8bSAMpGqyIAjMjvbsFQZcqPVw"
"""A well-formed hash that matches nothing we know: checked when there is none, so that both take equally long."""


def check_password(text: str, user: str, pointer: str = "/password") -> None:
    """Raise Invalid when `text` is no password to protect pages with."""
    if len(text) < SHORTEST:
        raise Invalid(f"The password needs at least {SHORTEST} characters; several words are easy to remember", pointer)
    if len(text) > LONGEST:
        raise Invalid(f"The password may have at most {LONGEST} characters", pointer)
    if len(set(text)) < 5 or (user.lower() in text.lower() and len(text) < len(user) + 8):
        raise Invalid("The password is too easy to guess: use several words that nobody would put together", pointer)


async def hash_password(text: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _HASHER.hash, text)


async def password_matches(hashed: str | None, text: str) -> bool:
    """Compare; with no hash the work is the same and the answer is no."""
    run = asyncio.get_running_loop().run_in_executor
    matches = await run(_THREADS, _verify, hashed or _NOBODY, text[: LONGEST + 1])
    return matches and hashed is not None


def _verify(hashed: str, text: str) -> bool:
    try:
        return _HASHER.verify(hashed, text)
    except (VerificationError, InvalidHashError):
        return False
