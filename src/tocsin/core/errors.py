"""The tree of errors that people can be told about. Every door (HTTP, CLI, file, form) maps these, and only these."""

from __future__ import annotations


class TocsinError(Exception):
    """Base of all errors with a message written for a person."""

    title = "Something is wrong"


class Invalid(TocsinError):
    """Bad input. `pointer` names the field as a JSON pointer (`/layers/0/users`), or is empty for the whole body. HTTP 422, exit 2."""

    title = "The input is not valid"

    def __init__(self, message: str, pointer: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.problems = problems or (Problem(message, pointer),)


class Problem:
    """One finding about an input: what is wrong and how to mend it, where (JSON pointer; file and line when it came from a file)."""

    __slots__ = ("file", "line", "message", "pointer")

    def __init__(self, message: str, pointer: str = "", file: str = "", line: int = 0) -> None:
        self.message, self.pointer, self.file, self.line = message, pointer, file, line

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file else ""
        field = f"{self.pointer}: " if self.pointer else ""
        return f"{where}{field}{self.message}"

    def __repr__(self) -> str:
        return f"Problem({str(self)!r})"


class Unauthenticated(TocsinError):
    """No or wrong credentials. HTTP 401."""

    title = "Sign in first"


class Forbidden(TocsinError):
    """Known, but without the right to do this. HTTP 403."""

    title = "You may not do this"


class NotFound(TocsinError):
    """There is no such thing. HTTP 404."""

    title = "Not found"


class Conflict(TocsinError):
    """An illegal move in the present state; nothing was changed. HTTP 409."""

    title = "Not possible now"


class Unconfirmed(Conflict):
    """Possible, and asked about first: the same with `confirm` does it. HTTP 409."""

    title = "Confirm this first"


class TooMany(TocsinError):
    """Throttled (sign-in guesses). HTTP 429; `retry_after` in seconds."""

    title = "Too many attempts"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(TocsinError):
    """The database cannot be reached or we are overloaded: try again. HTTP 503 with Retry-After (seconds)."""

    title = "Try again shortly"

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Contended(Unavailable):
    """Somebody else was changing the same things; nothing was changed by us, and trying again at once is worth it. HTTP 503."""
