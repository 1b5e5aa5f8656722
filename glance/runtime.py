"""Builds everything below the web and runs it: one Runtime per process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from glance import sources
from glance.cards import CardRenderer
from glance.config import Settings
from glance.icons import Icons
from glance.images import Images
from glance.live import Hub
from glance.outbound import Outbound
from glance.placing import Placing
from glance.refresh import Refresher
from glance.registry import Registry
from glance.secretbox import SecretBox
from glance.store.cache import Cache
from glance.store.custom_widgets import CustomWidgets
from glance.store.dashboards import Dashboards
from glance.store.db import Database
from glance.store.owner import Owner
from glance.store.preferences import Preferences
from glance.store.widgets import Widgets

log = logging.getLogger(__name__)


class Runtime:
    """The parts of Glance by name. `start()` starts the threads, `stop()` ends them in order; both are idempotent."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._lock = threading.Lock()
        self._state = "new"
        self.settings = settings
        self.clock = clock
        self.kinds = sources.kinds()
        self.db = Database(settings.data)
        self.preferences = Preferences(self.db)
        self.dashboards = Dashboards(self.db, clock)
        self.widgets = Widgets(self.db, clock)
        self.owner = Owner(self.db, clock, settings.password)
        self.secretbox = SecretBox(settings.data, settings.secret_key)
        self.hub = Hub()
        self.outbound = Outbound()
        base = urlsplit(settings.public_url).path.rstrip("/")
        self.images = Images(settings.data, self.outbound, clock, base)
        self.icons = Icons()
        self.cards = CardRenderer(
            self.icons.draw,
            self.images.address,
            clock=clock,
            base=base,
            has_icon=self.icons.has,
        )
        self.definitions = Registry(
            settings.widget_folders,
            self.kinds,
            CustomWidgets(self.db, clock),
            self.widgets,
            check_template=self.cards.check,
            on_change=self._definitions_changed,
        )
        self.refresher = Refresher(
            widgets=self.widgets,
            cache=Cache(self.db),
            definitions=self.definitions,
            outbound=self.outbound,
            secretbox=self.secretbox,
            hub=self.hub,
            kinds=self.kinds,
            clock=clock,
        )
        self.placing = Placing(
            db=self.db,
            dashboards=self.dashboards,
            widgets=self.widgets,
            definitions=self.definitions,
            refresher=self.refresher,
            secretbox=self.secretbox,
            hub=self.hub,
            kinds=self.kinds,
        )
        self.started_at = clock()

    def start(self) -> None:
        """Start the threads."""
        with self._lock:
            if self._state != "new":
                return
            self._state = "running"
        self.definitions.start()
        self.refresher.start()

    def stop(self) -> None:
        """End in order: no new work, sockets, watcher, fetches, database; each step has a time limit."""
        with self._lock:
            if self._state == "stopped":
                return
            self._state = "stopped"
        self.hub.close()
        self.definitions.stop()
        self.refresher.refuse()
        self.outbound.close()
        self.refresher.stop()
        self.db.close()
        log.info("Stopped.")

    def ill(self) -> dict[str, str]:
        """What does not work, by part; empty where everything does (for /readyz)."""
        found: dict[str, str] = {}
        for name, part in (("refresher", self.refresher), ("definitions", self.definitions)):
            if not part.is_alive():
                found[name] = "its thread ended"
        return found

    def _definitions_changed(self, slugs: set[str]) -> None:
        """Draw the widgets of changed definitions anew, and fetch for those that are open."""
        widgets = [widget for slug in slugs for widget in self.widgets.using(slug)]
        self.hub.mark({widget.id for widget in widgets})
        if self._state == "running":
            open_now = self.hub.watched()
            self.refresher.want([widget for widget in widgets if widget.id in open_now], on_view=False)
