"""What goes wrong with a broker, as sentences for the owner."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Sequence

from glance.mqtt.address import Address

# CONNACK reason codes: MQTT 5, section 3.2.2.2; MQTT 3.1.1, section 3.2.2.3 (paho gives the former for both)
PROTOCOL, CLIENT_ID, CREDENTIALS, FORBIDDEN, BUSY = 0x84, 0x85, 0x86, 0x87, 0x89
# X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH (OpenSSL, x509_vfy.h)
OTHER_NAME = (62, 64)
# X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
OUT_OF_DATE = (9, 10)
TAKEN_OVER = 0x8E
SHUTTING_DOWN = 0x8B
# So many good connections in a row that ended at once are no accident.
MANY_SHORT = 3


def of_error(error: BaseException, address: Address) -> str:
    """Why no connection came about."""
    at = address.shown
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message or "it is not trusted"
        if error.verify_code in OTHER_NAME:
            return (
                f"The certificate of the broker at {at} was refused ({reason.rstrip('.')}). "
                "Use the name that it is made out for in GLANCE_MQTT_URL."
            )
        if error.verify_code in OUT_OF_DATE:
            return (
                f"The certificate of the broker at {at} was refused ({reason}). "
                "Renew it there, and check the clocks of both computers."
            )
        return f"The certificate of the broker at {at} was refused ({reason}). Name its issuer with ?ca=/path in GLANCE_MQTT_URL."
    if isinstance(error, ssl.SSLError):
        return f"The broker at {at} does not speak TLS on this port: use mqtt:// or its TLS port."
    if isinstance(error, socket.gaierror):
        return f"The name {address.host} was not found: check GLANCE_MQTT_URL."
    if isinstance(error, TimeoutError):
        return f"The broker at {at} did not answer in time."
    if isinstance(error, ConnectionRefusedError):
        if not address.given:
            return f"No broker was found at {at}: start one there, or set GLANCE_MQTT_URL."
        return f"Nothing listens at {at}: check GLANCE_MQTT_URL, and that the broker runs."
    if isinstance(error, ConnectionError):
        hint = "does this port speak TLS?" if address.tls else "does this port expect TLS (mqtts://)?"
        return f"The broker at {at} closed the connection at once; {hint}"
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return f"There is no way to {at} through the network."
    return f"The connection to the broker at {at} failed: {getattr(error, 'strerror', None) or type(error).__name__}."


def of_refusal(code: int, name: str, address: Address) -> str:
    """Why the broker said no."""
    at = address.shown
    if code in (CREDENTIALS, FORBIDDEN, 0x8C):
        if address.user is None:
            return f"The broker at {at} wants a user and password: set them in GLANCE_MQTT_URL (mqtt://user:password@host)."
        return f"The broker at {at} refused the user or the password in GLANCE_MQTT_URL."
    if code == PROTOCOL:
        return f"The broker at {at} speaks neither MQTT 5 nor 3.1.1."
    if code in (0x88, BUSY, 0x97):
        return f"The broker at {at} is busy or out of quota."
    return f"The broker at {at} refused the connection: {name}."


def of_denial(topics: Sequence[str], address: Address) -> str:
    """Why nothing comes although there is a connection."""
    return (
        f"The broker at {address.shown} does not allow subscribing to {', '.join(topics)}: "
        "change its access list, or GLANCE_MQTT_TOPICS."
    )


def of_end(code: int | None, address: Address, short: int = 0) -> str:
    """Why an established connection ended; `short` is how many in a row, with this one, lasted only seconds."""
    at = address.shown
    if code == TAKEN_OVER:
        return (
            f"Another program took over the session at {at}: does a second Glance run with a copy of this data folder?"
        )
    if code == SHUTTING_DOWN:
        return f"The broker at {at} shut down."
    if short >= MANY_SHORT:
        # Mosquitto before 2.0.12, and any broker with MQTT 3.1.1, takes a session away without a word
        return (
            f"The broker at {at} lets Glance in and hangs up again and again: does a second Glance run with a copy of this "
            "data folder? Its log says more."
        )
    return f"The connection to the broker at {at} was lost."
