"""Page templates stay compiled over a restart, so that the first page after it is as quick as the next."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from flask import Flask
from jinja2.bccache import Bucket, FileSystemBytecodeCache

log = logging.getLogger(__name__)


class CompiledTemplates(FileSystemBytecodeCache):
    """Compiled templates in a folder of the data folder; each knows the checksum of its source, so a changed one is made anew."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read one; where it cannot be read, the template is compiled."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep one; where the folder cannot be written, it is compiled again next time."""
        try:
            super().dump_bytecode(bucket)
        except OSError as error:
            log.debug("A compiled template was not kept: %s", error)


def init_app(app: Flask, data: Path) -> None:
    """Use `data`/compiled; does nothing where that folder cannot be made."""
    folder = data / "compiled"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        log.debug("Templates are compiled at each start: %s", error)
        return
    app.jinja_env.bytecode_cache = CompiledTemplates(str(folder), "%s.bin")
