"""Who may ask for what: one row for every method of every route and for every socket. A route without a row fails its test.

`owner` is somebody signed in, `nobody` somebody who knows nothing but addresses, also that of a public dashboard, `visitor`
somebody whose browser is looking at a public dashboard, with the cookies and heads that come of it. The others are tokens with one scope each; w1 and greenhouse are the widget and the device that are asked for, `other` is another one.
Behind a row stand those who are let in; everybody else is refused. The things in the paths do not exist, so nothing is changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

NOBODY, VISITOR, OWNER = "nobody", "visitor", "owner"
TOKENS = ("read", "refresh", "write", "admin", "push:w1", "push:other", "ingest:greenhouse", "ingest:other")
EVERYBODY = (NOBODY, VISITOR, *TOKENS, OWNER)

TABLE = """
# for everybody
GET    /static/<path:filename>              all
GET    /healthz                             all
GET    /readyz                              all
GET    /login                               all
POST   /login                               all
GET    /setup                               all
POST   /setup                               all
GET    /p/<address>                         all
GET    /p/<address>/fragments               all
GET    /p/<address>/image/<name>            all
GET    /p/<address>/layout.<digest>.css     all
GET    /p/<address>/widgets/<widget_id>/points  all
WS     /ws/public/<address>                 all

# pages
GET    /                                    owner read
GET    /d/<slug>                            owner read
GET    /d/<slug>/fragments                  owner read
GET    /d/<slug>/layout.<digest>.css        owner read
GET    /image/<key>                         owner read
GET    /widgets/<widget_id>/points          owner read
POST   /widgets/<widget_id>/refresh         owner refresh
POST   /fragments/widgets/<widget_id>/refresh  owner refresh
POST   /logout                              owner
POST   /theme                               owner
GET    /broker                              owner
GET    /broker/sign                         owner
GET    /messages                            owner
GET    /dashboards                          owner
POST   /dashboards                          owner
GET    /dashboards/<slug>/edit              owner
POST   /dashboards/<slug>/edit              owner
POST   /dashboards/<slug>/delete            owner
POST   /dashboards/<slug>/demo              owner
POST   /dashboards/<slug>/demo/remove       owner
POST   /dashboards/<slug>/found             owner
GET    /dashboards/<slug>/found/devices     owner
POST   /dashboards/<slug>/found/devices     owner
GET    /dashboards/import                   owner
POST   /dashboards/import                   owner
GET    /dashboards/new                      owner
POST   /dashboards/new                      owner
GET    /devices                             owner
GET    /devices/<path:device_id>            owner
POST   /devices/<path:device_id>            owner
GET    /visualize                           owner
POST   /visualize                           owner
GET    /devices/derived                     owner
GET    /devices/derived/new                 owner
POST   /devices/derived/new                 owner
GET    /devices/derived/<slug>/edit         owner
POST   /devices/derived/<slug>/edit         owner
POST   /devices/derived/<slug>/delete       owner
GET    /gallery                             owner
POST   /gallery                             owner
GET    /gallery/styles.<digest>.css         owner
GET    /widgets/new/<slug>                  owner
POST   /widgets/new/<slug>                  owner
GET    /widgets/<widget_id>/edit            owner
POST   /widgets/<widget_id>/edit            owner
GET    /widgets/<widget_id>/explain         owner
POST   /widgets/<widget_id>/explain         owner
POST   /widgets/<widget_id>/forget          owner
POST   /widgets/<widget_id>/remove          owner
POST   /widgets/<widget_id>/save            owner
GET    /settings                            owner
GET    /settings/about                      owner
GET    /settings/broker                     owner
GET    /settings/code                       owner
POST   /settings/code                       owner
GET    /custom-widgets/<slug>/code          owner
POST   /custom-widgets/<slug>/code          owner
GET    /settings/credentials                owner
POST   /settings/credentials                owner
POST   /settings/credentials/hosts          owner
POST   /settings/credentials/remove         owner
GET    /settings/look                       owner
POST   /settings/look                       owner
GET    /settings/security                   owner
POST   /settings/security/password          owner
POST   /settings/security/public            owner
POST   /settings/security/sessions/end      owner
POST   /settings/security/tokens            owner
POST   /settings/security/tokens/revoke     owner

# sockets
WS     /ws/dashboards/<slug>                owner read
WS     /ws/widgets/<widget_id>              owner read
WS     /ws/ingest                           owner ingest:greenhouse ingest:other

# the API
GET    /metrics                             owner read
GET    /api/openapi.json                    owner read
GET    /api/docs                            owner read
GET    /api/snapshot                        owner read
GET    /api/preferences                     owner read
PATCH  /api/preferences                     owner read       {"theme": "dark"}
PATCH  /api/preferences                     owner admin      {"code_enabled": false}
GET    /api/dashboards                      owner read
POST   /api/dashboards                      owner write
GET    /api/dashboards/<slug>               owner read
PATCH  /api/dashboards/<slug>               owner write
DELETE /api/dashboards/<slug>               owner write
PUT    /api/dashboards/<slug>/layout        owner write
POST   /api/dashboards/<slug>/duplicate     owner write
GET    /api/dashboards/<slug>/export        owner read
POST   /api/dashboards/import               owner write
GET    /api/dashboards/<slug>/widgets/<widget_id>/samples  owner read
GET    /api/widgets                         owner read
POST   /api/widgets                         owner write
GET    /api/widgets/<widget_id>             owner read
PATCH  /api/widgets/<widget_id>             owner write
DELETE /api/widgets/<widget_id>             owner write
GET    /api/widgets/<widget_id>/data        owner read
POST   /api/widgets/<widget_id>/data        owner push:w1
POST   /api/widgets/<widget_id>/refresh     owner refresh
GET    /api/widgets/<widget_id>/explain     owner read
DELETE /api/widgets/<widget_id>/cache       owner write
POST   /api/widgets/batch                   owner read       {"widget_ids": []}
POST   /api/widgets/batch                   owner refresh    {"widget_ids": [], "force_refresh": true}
DELETE /api/cache                           owner write
GET    /api/custom-widgets                  owner read
POST   /api/custom-widgets                  owner write
GET    /api/custom-widgets/<slug>           owner read
PATCH  /api/custom-widgets/<slug>           owner write
DELETE /api/custom-widgets/<slug>           owner write
POST   /api/custom-widgets/<slug>/execute   owner read       {}
POST   /api/custom-widgets/<slug>/execute   owner refresh    {"force_refresh": true}
POST   /api/custom-widgets/<slug>/execute   owner write      {"params": {}}
POST   /api/custom-widgets/<slug>/execute   owner            {"params": {}, "force_refresh": true}
GET    /api/custom-widgets/<slug>/hosts     owner read
PUT    /api/custom-widgets/<slug>/hosts     owner admin
GET    /api/derived                         owner read
POST   /api/derived                         owner write
GET    /api/derived/<slug>                  owner read
PATCH  /api/derived/<slug>                  owner write
DELETE /api/derived/<slug>                  owner write
GET    /api/devices                         owner read
GET    /api/devices/<path:device_id>        owner read
PATCH  /api/devices/<path:device_id>        owner write
DELETE /api/devices/<path:device_id>        owner write
POST   /api/devices/<path:device_id>/create-widget  owner write
POST   /api/devices/<path:device_id>/merge          owner write
POST   /api/devices/<path:device_id>/separate       owner write
POST   /api/devices/<path:device_id>/restore        owner write
GET    /api/devices/<path:device_id>/sensors        owner read
PATCH  /api/devices/<path:device_id>/sensors/<path:sensor>              owner write
DELETE /api/devices/<path:device_id>/sensors/<path:sensor>              owner write
POST   /api/devices/<path:device_id>/sensors/<path:sensor>/restore      owner write
POST   /api/devices/<path:device_id>/sensors/<path:sensor>/separate     owner write
POST   /api/devices/<path:device_id>/sensors/<path:sensor>/merge        owner write
GET    /api/devices/<path:device_id>/sensors/<path:sensor>/use          owner read
GET    /api/devices/<path:device_id>/sensors/<path:sensor>/history      owner read
GET    /api/devices/<path:device_id>/sensors/<path:sensor>/history.csv  owner read
POST   /api/readings                        owner ingest:greenhouse  {"device_id": "greenhouse", "sensor_type": "t", "value": 1}
GET    /api/credentials                     owner admin
POST   /api/credentials                     owner admin
GET    /api/credentials/<name>              owner admin
PATCH  /api/credentials/<name>              owner admin
DELETE /api/credentials/<name>              owner admin
GET    /api/tokens                          owner admin
POST   /api/tokens                          owner admin
DELETE /api/tokens/<token_id>               owner admin
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `method` is GET, POST, … or WS; `path` is the rule as Flask has it; `body`, where there is one, is sent as JSON."""

    method: str
    path: str
    allowed: frozenset[str]
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path} {'' if self.body is None else json.dumps(self.body)}".strip()


def rows() -> list[Row]:
    """The table as rows."""
    return [_row(line) for line in TABLE.splitlines() if line and not line.startswith("#")]


def _row(line: str) -> Row:
    head, brace, rest = line.partition("{")
    method, path, *names = head.split()
    allowed = frozenset(EVERYBODY if names == ["all"] else names)
    assert allowed, line
    assert allowed <= set(EVERYBODY), line
    return Row(method, path, allowed, json.loads(brace + rest) if brace else None)
