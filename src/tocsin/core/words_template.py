"""Templates that people edit: a sandboxed Jinja that reaches plain data only. Pure.

Time and memory cannot be bounded from inside: whatever people wrote is rendered in a child process (plugins/renderer.py), and
only the built-in templates are rendered here and now.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError
from jinja2 import TemplateError as JinjaError
from jinja2.exceptions import SecurityError
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST_TEXT = 10_000
"""Characters of what it makes: an update is no longer."""


class TemplateError(Exception):
    """A template cannot be used; the message says where and why, for whoever wrote it."""


class TooMuch(TemplateError):
    """It takes more time or memory than a template may."""


class _Environment(ImmutableSandboxedEnvironment):
    """Nothing is folded while a template is compiled, so that reading one costs what its length costs."""

    intercepted_binops = frozenset(("**", "*", "<<", "%"))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Powers and repetitions are how few characters become many: a text has no use for them."""
        if operator == "**":
            raise SecurityError("powers (**) are not for texts")
        if operator == "*" and not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError("repeating texts or lists (*) is not for updates")
        return super().call_binop(context, operator, left, right)


def _environment() -> _Environment:
    environment = _Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, optimized=False, keep_trailing_newline=False,
    )  # fmt: skip
    for name in ("lipsum", "cycler", "joiner", "namespace"):
        environment.globals.pop(name, None)
    return environment


_ENVIRONMENT = _environment()


def check(source: str) -> frozenset[str]:
    """The names that a template uses. Raises TemplateError when it is none. Runs none of it."""
    try:
        return frozenset(find_undeclared_variables(_ENVIRONMENT.parse(source)))
    except TemplateSyntaxError as error:
        raise TemplateError(f"line {error.lineno}: {error.message}") from None
    except RecursionError:
        raise TemplateError("it is nested too deep: make it simpler") from None


@lru_cache(maxsize=64)
def _compiled(source: str) -> Template:
    return _ENVIRONMENT.from_string(source)


def render(source: str, values: Mapping[str, Any]) -> str:
    """The text. `values` is plain data. Raises TemplateError naming the line and the fault."""
    try:
        return _joined(_compiled(source), values)
    except TemplateSyntaxError as error:
        raise TemplateError(f"line {error.lineno}: {error.message}") from None
    except SecurityError as error:
        raise TemplateError(f"{_where(error)}not allowed here: {error}") from None
    except UndefinedError as error:
        raise TemplateError(f"{_where(error)}{error}: see the list of what a template may use") from None
    except JinjaError as error:
        raise TemplateError(f"{_where(error)}{error}") from None
    except RecursionError:
        raise TemplateError("it calls itself without an end") from None
    except MemoryError:
        raise TemplateError("it takes too much memory") from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        raise TemplateError(f"{_where(error)}{error}") from None


def _joined(template: Template, values: Mapping[str, Any]) -> str:
    """Piece by piece, so that a text that never ends does."""
    parts, length = [], 0
    for part in template.generate(dict(values)):
        parts.append(part)
        length += len(part)
        if length > LONGEST_TEXT:
            raise TemplateError(f"it makes more than {LONGEST_TEXT} characters: an update is shorter")
    # \x00 and halves of pairs can be written as escapes: no database holds them
    return tidy("".join(parts).replace("\0", "").encode("utf-8", "replace").decode())


def tidy(text: str) -> str:
    """Without blanks at the ends of lines, and never two empty lines together."""
    lines: list[str] = []
    for line in (one.rstrip() for one in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines)


def _where(error: BaseException) -> str:
    """`line 3: ` from the traceback, when the template's own frame is in it."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line}: " if line else ""
