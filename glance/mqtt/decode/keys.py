"""What the name of a JSON key or topic level says: a time, an identity, a secret, a label; anything else is a sensor."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from glance.mqtt.decode.times import OTHER_TIMES, READING_TIMES, key_of

Role = Literal["sensor", "time", "other time", "never", "about", "event"]

# Never a reading, whatever they hold: identities, codes, addresses, secrets, positions.
NEVER = frozenset(
    "id ids uid mac uuid data raw msg code cipher mfid servicedata servicedatauuid manufacturerdata serial sn ip ipv4 ipv6 "
    "ssid bssid passkey password passwd pass psk token secret apikey key lat lon lng latitude longitude coordinates mic "
    "ctr sequence seq sequencenum sequenceid nonce crc checksum hash rawmsg rawdata rawmessage payload signature url uri "
    "href image picture thumbnail ipaddress ipaddr macaddress macaddr bootid msgid messageid packetid transactionid "
    "traceid correlationid deviceaddress ieeeaddr ieeeaddress networkaddress nwkaddr address addr port netmask subnet "
    "gateway dns dns1 dns2 clientid sessionid format timebasis tz timezone wifissid apssid idx uniqueid gps position3d "
    "eventid monitorid esp8266id zoneid channelid groupid nodeid deviceid sensorid gatewayid userid objectid stationid "
    "hopstart hopsaway replyto srcid dstid vin".split()
)
# Words about the device, not values of it.
ABOUT = frozenset(
    "model modelid manufacturer vendor brand firmware firmwareversion fw fwver fwversion swversion softwareversion "
    "sw hwversion hw hardware hardwareversion version ver build builddate hostname host unitofmeasurement deviceclass stateclass attribution devicename friendlyname "
    "name nickname devicetype type description location room area site zone channelname author revision compiled "
    "mfr productname modelname chip chipid platform board sdk sdkversion appversion apiversion protocolversion schemaversion units alias metermodel metertype controltype".split()
)
EVENTS = frozenset("action click event eventtype gesture buttonevent scene keypress".split())
VERSION = re.compile(r"(?:\A|[^A-Za-z])[vV]ersion\Z|[a-z0-9]Version\Z")
LABELLED = ("_id", "Id", "ID", "_uuid", "_mac", "_ip", "_ssid", "_token", "_password", "_key", "_url")


@lru_cache(maxsize=16384)
def role(key: str) -> Role:
    """The role of a key in a JSON object of an unknown publisher; a name with dots has that of its last part."""
    plain = key_of(key.rpartition(".")[2] if "." in key else key)
    if plain in READING_TIMES:
        return "time"
    if plain in OTHER_TIMES or plain.endswith(("timestamp", "datetime")):
        return "other time"
    if plain in NEVER or key.endswith(LABELLED) or plain.endswith(("serial", "serialnumber", "serialno", "pincode")):
        return "never"
    if plain in EVENTS:
        return "event"
    return (
        "about"
        if plain in ABOUT or key == "_" or plain.endswith(("unit", "units")) or VERSION.search(key)
        else "sensor"
    )


@lru_cache(maxsize=4096)
def time_rank(key: str) -> int:
    """How well a time key tells when a reading was taken; lower is better."""
    return READING_TIMES.index(key_of(key))


def clean(name: object, longest: int = 128) -> str:
    """A name that can be stored and shown: no control characters or lone surrogates, at most `longest` characters."""
    text = name if type(name) is str else str(name)
    if not text.isprintable() or len(text) > longest:
        text = "".join(c if c.isprintable() else " " for c in text[: longest * 2])
    return " ".join(text.split())[:longest] if "  " in text or text[:1] == " " or text[-1:] == " " else text[:longest]


def folded(name: str) -> str:
    """A name as lower-case words joined by `_`; letters of every alphabet stay."""
    out = "".join(c if c.isalnum() else " " for c in name.lower())
    return "_".join(out.split())
