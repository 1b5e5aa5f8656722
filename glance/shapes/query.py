"""JMESPath with bounds and sentences."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from glance.errors import Invalid
from glance.shapes.bounds import TooMuch, found

MAX_EXPRESSION_CHARS = 2000


def search(expression: Any, data: Any) -> Any:
    """What a JMESPath expression finds in `data` (None = nothing); Invalid with a sentence where it cannot be used."""
    from jmespath.exceptions import JMESPathError  # late: only needed where something is picked

    wrong = fault(expression)
    if wrong:
        raise Invalid(wrong)
    compiled = compile_expression(expression)
    try:
        return found(compiled.parsed, data)
    except TooMuch as error:
        raise Invalid(f"The expression {shown(expression)} makes too much of this answer.") from error
    except JMESPathError as error:
        raise Invalid(f"The expression {shown(expression)} cannot be used on this answer: {_reason(error)}.") from error
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise Invalid(f"The expression {shown(expression)} does not fit this answer.") from error


@lru_cache(maxsize=512)
def compile_expression(expression: str) -> Any:
    """The parsed expression; Invalid names it and the position of the mistake."""
    import jmespath  # late: see above
    from jmespath.exceptions import JMESPathError, ParseError

    if not expression.strip():
        raise Invalid("The expression is empty.")
    if len(expression) > MAX_EXPRESSION_CHARS:
        raise Invalid(f"The expression has more than {MAX_EXPRESSION_CHARS} characters.")
    try:
        return jmespath.compile(expression)
    except ParseError as error:  # also its subclasses: an unknown character, an unfinished expression
        at = min(error.lex_position or 0, len(expression)) + 1
        raise Invalid(f"The expression {shown(expression)} has a mistake at position {at}.") from error
    except (JMESPathError, ValueError, RecursionError) as error:
        raise Invalid(f"The expression {shown(expression)} cannot be read.") from error


def fault(expression: Any) -> str | None:
    """What is wrong with an expression, as a sentence, or None."""
    if not isinstance(expression, str):
        return "The expression must be text."
    try:
        compile_expression(expression)
    except Invalid as error:
        return error.sentence
    return None


def shown(expression: str) -> str:
    """An expression as it stands in a sentence: short, on one line."""
    line = " ".join(expression.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _reason(error: Exception) -> str:
    """The library's reason, as the end of a sentence."""
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:160]
