"""Reads Kafka records as Busyhour's contact events: CloudEvents in binary mode, protobuf inside."""

import json
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from busyhour.common.v1.common_pb2 import Gap
from busyhour.routing.v1.contact_pb2 import Contact, ContactEvent

STATE_TOPIC = "call-routing.contact-state.v1"
MAX_BYTES = 512 * 1024


class Refused(Exception):
    """The record is nothing that this version can read. It goes to the dead letters with this reason."""

    def __init__(self, code, words):
        super().__init__(f"{code}: {words}")


@dataclass
class Marker:
    """Behind it, in its partition, events of these tenants with a lower epoch are void."""

    tenants: list[str]
    epoch: int


@dataclass
class Change:
    """The contact as it is after an event; None if it was forgotten."""

    tenant: str
    id: str
    revision: int  # epoch * 2**32 + n
    contact: Contact | None

    @property
    def epoch(self):
        return self.revision >> 32

    @property
    def version(self):
        """Greater is newer; a tombstone is newer than the event of the same revision."""
        return 2 * self.revision + (self.contact is None)


def read(record) -> Marker | Gap | Change:
    """Tells what a record says, or raises Refused."""
    headers = headers_of(record)
    kind = headers.get("ce_type", "")
    if kind == "busyhour.epoch.v1":
        return read_marker(record)
    if record.value() is None and record.topic() == STATE_TOPIC:
        return read_tombstone(headers)
    check(headers)
    if kind == "busyhour.routing.gap.v1":
        return parse(Gap, record)
    if not is_contact(kind):
        raise Refused("TYPE_UNKNOWN", f"header ce_type is {kind[:128]!r}")
    return read_contact(record, headers)


def headers_of(record):
    headers = {}
    for key, value in record.headers() or []:
        headers.setdefault(key, (value or b"").decode("utf-8", "replace"))
    return headers


def check(headers):
    if headers.get("ce_specversion") != "1.0":
        raise Refused("NOT_A_CLOUDEVENT", f"header ce_specversion is {headers.get('ce_specversion')!r}, want '1.0'")
    if headers.get("content-type") != "application/protobuf":
        raise Refused("CONTENT_TYPE_UNKNOWN", f"header content-type is {headers.get('content-type')!r}")
    if not headers.get("ce_tenant"):
        raise Refused("HEADER_MISSING", "header ce_tenant")


def is_contact(kind):
    """A kind that is new in this version is told from the payload, which has the whole contact."""
    words = kind.split(".")
    return len(words) == 5 and words[:3] == ["busyhour", "routing", "contact"] and words[4] == "v1"


def parse(message, record):
    value = record.value()
    if value is None:
        raise Refused("MALFORMED", "there is no value; tombstones are in compacted topics only")
    if len(value) > MAX_BYTES:
        raise Refused("TOO_LARGE", f"the value has {len(value)} bytes, at most {MAX_BYTES} are read")
    try:
        return message.FromString(value)
    except DecodeError as e:
        raise Refused("MALFORMED", f"the value is no {message.DESCRIPTOR.full_name}: {e}") from e


def read_marker(record):
    try:
        marker = json.loads(record.value() or b"")
        return Marker(list(marker["tenants"]), int(marker["epoch"]))
    except (ValueError, KeyError, TypeError) as e:
        raise Refused("MALFORMED", f"a marker that can't be read: {e!r}") from e


def read_tombstone(headers):
    return Change(headers.get("ce_tenant", ""), subject_id(headers), revision_of(headers), None)


def read_contact(record, headers):
    event = parse(ContactEvent, record)
    change = Change(headers["ce_tenant"], subject_id(headers), revision_of(headers), event.contact)
    # Bytes of another message often decode, so what the payload says of itself is compared with the headers.
    if event.contact.id != change.id:
        raise Refused("WRONG_SUBJECT", f"header ce_subject is of {change.id[:128]!r}, the payload is about {event.contact.id[:128]!r}")
    if event.contact.tenant != change.tenant:
        raise Refused("WRONG_TENANT", f"header ce_tenant is {change.tenant[:64]!r}, the payload is of {event.contact.tenant[:64]!r}")
    if event.revision.epoch << 32 | event.revision.n != change.revision:
        raise Refused("WRONG_REVISION", f"header ce_revision is {change.revision}, the payload has {event.revision.epoch}.{event.revision.n}")
    return change


def subject_id(headers):
    subject = headers.get("ce_subject", "")
    if not subject.startswith("contact:"):
        raise Refused("WRONG_SUBJECT", f"header ce_subject is {subject[:128]!r}")
    return subject.removeprefix("contact:")


def revision_of(headers):
    text = headers.get("ce_revision", "")
    if not (text.isascii() and text.isdigit()):
        raise Refused("HEADER_INVALID", f"header ce_revision is {text[:64]!r}, want a number")
    return int(text)
