"""`python -m glance <command>`: what is done at the machine itself, beside the running Glance or while it is stopped."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence

from glance import passwords
from glance.config import Settings, read_settings
from glance.errors import GlanceError, SettingError
from glance.store.db import Database
from glance.store.owner import Owner

USAGE = """\
usage: python -m glance reset-password

  reset-password   ask for a new password of the owner, store it in GLANCE_DATA, and end every session

Settings come from the environment, as for Glance itself. To start Glance: python app.py
"""


class Refused(GlanceError):
    """A command that cannot do what it was asked to; nothing was changed."""


def main(arguments: Sequence[str], ask: Callable[[str], str]) -> int:
    """Run one command; `ask` gets a secret by its prompt. Exit code 0, 1 where it is refused, 2 for a wrong call or setting."""
    if list(arguments) in (["-h"], ["--help"], ["help"]):
        sys.stdout.write(USAGE)
        return 0
    if list(arguments) != ["reset-password"]:
        sys.stderr.write(USAGE)
        return 2
    try:
        sys.stdout.write(f"{reset_password(read_settings(), ask)}\n")
    except GlanceError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, SettingError) else 1
    return 0


def reset_password(settings: Settings, ask: Callable[[str], str]) -> str:
    """Set a new password, which ends every session; returns what to tell the owner."""
    if settings.password:
        raise Refused(
            "GLANCE_PASSWORD sets the password and wins over a stored one: change it there, and restart Glance."
        )
    if not (settings.data / "glance.db").is_file():
        raise Refused(
            f"There is no Glance in {settings.data.resolve()}; set GLANCE_DATA to the folder that the running one uses."
        )
    password = ask("New password: ")
    weakness = passwords.weakness(password)
    if weakness:
        raise Refused(f"{weakness} Nothing was changed.")
    if ask("Once more: ") != password:
        raise Refused("The two are not the same. Nothing was changed.")
    db = Database(settings.data)
    try:
        Owner(db).set_password(password)
    finally:
        db.close()
    mode = (
        "" if settings.auth == "password" else f" It counts only with GLANCE_AUTH=password; now it is {settings.auth}."
    )
    return (
        "The password is set and every session has ended; a running Glance heeds it within a second. "
        f"API tokens stay as they are.{mode}"
    )


def _ask(prompt: str) -> str:
    """A line that is not shown; from a pipe as it comes, so that scripts can give it."""
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return sys.stdin.readline().rstrip("\r\n")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:], _ask))
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\nNothing was changed.\n")
        sys.exit(1)
