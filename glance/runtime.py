"""Builds everything below the web and runs it: one Runtime per process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from glance import fetching, sources
from glance.cards import CardRenderer
from glance.config import Settings
from glance.credentials import Credentials
from glance.definition import Definition
from glance.derived import Derivations
from glance.errors import FetchError, GlanceError, NotFound
from glance.icons import Icons
from glance.images import Images
from glance.ingest import Ingest, Keeping
from glance.live import Hub
from glance.model import Widget
from glance.mqtt import address
from glance.mqtt.asking import RefreshRequests
from glance.mqtt.client import MqttClient
from glance.mqtt.decode import Decoder
from glance.outbound import Outbound
from glance.placing import Placing
from glance.refresh import Refresher
from glance.registry import Registry
from glance.secretbox import SecretBox
from glance.series import Series
from glance.sources.code import CodeKind
from glance.standings import Standings
from glance.store.cache import Cache
from glance.store.credentials import CredentialRows
from glance.store.custom_widgets import CustomWidgets
from glance.store.dashboards import Dashboards
from glance.store.db import Database
from glance.store.derived import DerivedRows
from glance.store.owner import Owner
from glance.store.preferences import Preferences
from glance.store.tokens import Tokens
from glance.store.widgets import Widgets
from glance.widget_code import WidgetCode

if TYPE_CHECKING:
    from glance.broker import EmbeddedBroker

log = logging.getLogger(__name__)


def _broker() -> EmbeddedBroker:
    from glance.broker import EmbeddedBroker  # late: for trying out, no start at home needs it

    return EmbeddedBroker()


def _may_show(definition: Definition, widget: Widget, url: str) -> bool:
    """A picture is fetched like an answer: a definition that is not trusted shows those of the hosts it may ask, and a widget that came
    with an import none of a host that its params name and nobody agreed to."""
    try:
        fetching.picture_rules(definition, widget).check_url(url)
    except FetchError:
        return False
    return True


class Runtime:
    """The parts of Glance by name. `start()` starts the threads, `stop()` ends them in order; both are idempotent."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._lock = threading.Lock()
        self._state = "new"
        self.settings = settings
        self.clock = clock
        self.db = Database(settings.data, settings.max_mb * 1_000_000)
        self.preferences = Preferences(self.db)
        self.code = WidgetCode(self.preferences)
        self.kinds = {**sources.kinds(), "code": CodeKind(self.code)}
        self.dashboards = Dashboards(self.db, clock)
        self.widgets = Widgets(self.db, clock)
        self.owner = Owner(self.db, clock, settings.password)
        self.tokens = Tokens(self.db, clock)
        self.secretbox = SecretBox(settings.data, settings.secret_key, CredentialRows(self.db).sealed)
        self.credentials = Credentials(self.db, self.secretbox, clock)
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
            may_show=_may_show,
        )
        self.definitions = Registry(
            settings.widget_folders,
            self.kinds,
            CustomWidgets(self.db, clock),
            self.widgets,
            check_template=self.cards.check,
            check_code=self.code.fault_of,
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
            vault=self.credentials,
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
        self.ingest = Ingest(
            db=self.db,
            hub=self.hub,
            decoder=Decoder(decimal_comma=settings.mqtt_decimal_comma),
            keeping=Keeping(settings.raw_days, settings.rollup_days, settings.max_mb * 1_000_000),
            clock=clock,
        )
        self.devices = self.ingest.devices
        self.samples = self.ingest.samples
        self.asked = RefreshRequests(self._refresh)
        self.broker = _broker() if settings.mqtt_url == "embedded" else None
        self.mqtt = self._mqtt_client()
        self.standings = Standings(self.ingest, lambda: self.mqtt.state if self.mqtt is not None else None)
        self.series = Series(
            self.ingest,
            self.widgets,
            self.definitions.find,
            self.standings.of_sensor,
            self.standings.of_device,
            self.hub,
            lambda: self.mqtt is not None and self.mqtt.state.connected,
            self.standings.broker_fault,
        )
        self.refresher.look_with("series", self.series)
        self.derived = Derivations(DerivedRows(self.db), self.ingest, self.hub, clock)
        self.standings.inputs = self.derived.inputs_of
        self.standings.fault = self.derived.fault_of
        self.started_at = clock()

    def _mqtt_client(self) -> MqttClient | None:
        """The connection to the broker; None where GLANCE_MQTT_URL is off."""
        if self.settings.mqtt_url == "off":
            return None
        client = MqttClient(
            address=address.parse(self.broker.url if self.broker else self.settings.mqtt_url),
            topics=self.settings.mqtt_topics,
            client_id=self.ingest.client_id(),
            receiver=self.ingest,
            on_refresh=self.asked.ask,
            clock=self.clock,
            former=self.ingest.topics_ever(self.settings.mqtt_topics),
        )
        self.ingest.acknowledge = client.acknowledge
        self.ingest.redeliver = client.redeliver
        self.ingest.ask_retained = client.ask_retained
        return client

    def start(self) -> None:
        """Start the threads."""
        with self._lock:
            if self._state != "new":
                return
            self._state = "running"
        self._look_for_lost_secrets()
        self.definitions.start()
        self.refresher.start()
        self.ingest.start()
        self.derived.start()
        if self.broker is not None:
            self.broker.start()
        if self.mqtt is not None:
            self.mqtt.start()

    def stop(self) -> None:
        """End in order: no new work, sockets, watcher, samples, fetches, database; each step has a time limit.

        What the broker delivered is committed and acknowledged before the connection ends.
        """
        with self._lock:
            if self._state == "stopped":
                return
            self._state = "stopped"
        self.hub.close()
        self.definitions.stop()
        self.refresher.refuse()
        self.asked.stop()
        self.derived.stop()
        if self.mqtt is not None:
            self.mqtt.refuse()
        self.ingest.stop()
        if self.mqtt is not None:
            self.mqtt.stop()
        if self.broker is not None:
            self.broker.stop()
        self.outbound.close()
        self.code.close()
        self.refresher.stop()
        self.db.close()
        log.info("Stopped.")

    def ill(self) -> dict[str, str]:
        """What does not work, by part; empty where everything does (for /readyz)."""
        alive = {
            "refresher": self.refresher.is_alive(),
            "definitions": self.definitions.is_alive(),
            "ingest": self.ingest.is_alive(),
            "derived": self.derived.is_alive(),
            "mqtt": self.mqtt is None or self.mqtt.is_alive(),
        }
        return {name: "its thread ended" for name, lives in alive.items() if not lives}

    def broker_fault(self) -> str | None:
        """What keeps the broker from being ready (for /readyz); None where it is connected, off, or was only looked for."""
        if self.mqtt is None:
            return None
        state = self.mqtt.state
        if state.connected or not (state.given or self.mqtt.ever_connected):
            return None
        return state.sentence or f"The connection to the broker at {state.address} is being made."

    def _look_for_lost_secrets(self) -> None:
        """Name in the log the secrets that cannot be read; whatever is wrong with the key keeps nothing else from starting."""
        try:
            self.credentials.report_lost()
        except GlanceError as error:
            log.error("The secrets cannot be looked at: %s", error.sentence)

    def _refresh(self, widget_id: str) -> None:
        """Force a fetch that was asked for through the broker; the answer comes behind, by a mark on the hub."""
        try:
            self.refresher.get(self.widgets.get(widget_id), force=True, wait_s=0.0)
        except NotFound:
            log.info("A refresh of a widget that does not exist was asked for through the broker.")
        except FetchError as error:
            # wait_s=0 ends as a timeout while the fetch goes on; a failure is stored and shown by itself
            log.debug("Refresh of %s: %s", widget_id, error)

    def _definitions_changed(self, slugs: set[str]) -> None:
        """Draw the widgets of changed definitions anew, and fetch for those that are open."""
        widgets = [widget for slug in slugs for widget in self.widgets.using(slug)]
        self.hub.mark({widget.id for widget in widgets})
        if self._state == "running":
            open_now = self.hub.watched()
            self.refresher.want([widget for widget in widgets if widget.id in open_now], on_view=False)
