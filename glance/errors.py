"""The errors of Glance: each carries one sentence that the owner can act on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field and what is wrong with it; the message never repeats the input."""

    field: str
    message: str


class GlanceError(Exception):
    """Base of every expected error; `str(error)` is a sentence for the owner, `status` its HTTP status."""

    status = 500
    title = "Something went wrong"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotFound(GlanceError):
    """The thing asked for does not exist."""

    status = 404
    title = "Not found"


class Invalid(GlanceError):
    """Input that was read but does not fit; `errors` names each field."""

    status = 422
    title = "The input does not fit"

    def __init__(self, sentence: str, errors: list[FieldError] | None = None) -> None:
        super().__init__(sentence)
        self.errors = errors or []


class Unreadable(GlanceError):
    """A request body that cannot be read at all."""

    status = 400
    title = "The body cannot be read"


class Conflict(GlanceError):
    """The request contradicts what is there."""

    status = 409
    title = "Conflict"


class Unavailable(GlanceError):
    """Glance itself cannot do this now: the database is locked, read-only or full."""

    status = 503
    title = "Not possible right now"


class SettingError(GlanceError):
    """A setting from the environment is wrong; the process ends with exit code 2."""

    title = "A setting is wrong"


class DataError(GlanceError):
    """What is stored cannot be used: damaged, of a newer Glance, or not this user's; the process ends with exit code 1."""

    title = "The data folder cannot be used"


class FetchError(GlanceError):
    """A source gave no usable answer.

    `kind` is one of: refused dns tls timeout status format too_big redirects schema source blocked.
    `http_status` is the upstream's status where it answered; `retry_after_s` what its Retry-After asks for (seconds).
    """

    title = "The source failed"

    def __init__(
        self,
        sentence: str,
        *,
        kind: str = "source",
        http_status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.http_status = http_status
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:  # type: ignore[override]
        """504 where the source was too slow, else 502."""
        return 504 if self.kind == "timeout" else 502


class PreconditionFailed(GlanceError):
    """Somebody changed the thing since it was read; `current` is what is there now."""

    status = 412
    title = "It was changed in the meantime"

    def __init__(self, sentence: str, current: object) -> None:
        super().__init__(sentence)
        self.current = current
