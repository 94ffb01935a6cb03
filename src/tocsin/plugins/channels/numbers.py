"""Telephone numbers: what people write, as networks know it."""

from __future__ import annotations

import re

import phonenumbers

from tocsin.core.device import digits

_WRITTEN = re.compile(r"\+[0-9][0-9 ().\-/\u00a0]{4,38}")
_REASONS = {
    phonenumbers.ValidationResult.TOO_SHORT: "it is too short",
    phonenumbers.ValidationResult.TOO_LONG: "it is too long",
    phonenumbers.ValidationResult.INVALID_LENGTH: "no number there has that many digits",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "there is no such country code",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
}
EXAMPLE = "write it with its country, like +49 30 901820"


def number_problem(text: str) -> str | None:
    """Why this can be nobody's telephone number, naming the fix; None when it may be one."""
    if not text.strip().startswith("+"):
        return f"number: {text[:40]!r} does not begin with + and a country: {EXAMPLE}"
    if not _WRITTEN.fullmatch(text.strip()):
        return f"number: {text[:40]!r} is not a telephone number: {EXAMPLE}"
    try:
        known = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return f"number: {text[:40]!r} has no country code that exists: {EXAMPLE}"
    if not phonenumbers.is_valid_number(known):
        why = _REASONS.get(
            phonenumbers.is_possible_number_with_reason(known), "no such number is given out in its country"
        )
        return f"number: {text[:40]!r} is not a telephone number: {why}"
    if e164(text) != digits(text):
        return f"number: {text[:40]!r} holds digits that are not dialled from abroad: write {e164(text)}"
    return None


def e164(text: str) -> str:
    """`+49 30 901820` as `+4930901820`. Only for numbers without a problem."""
    return phonenumbers.format_number(phonenumbers.parse(text, None), phonenumbers.PhoneNumberFormat.E164)
