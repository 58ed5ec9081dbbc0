"""A record's text: how an event becomes the bytes that are stored and hashed, and is read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import orjson
from pydantic import BaseModel, ValidationError

from licet.audit.canonical import Json, canonical
from licet.audit.clock import parse_timestamp, timestamp
from licet.audit.errors import JournalDamaged, Unrecordable
from licet.audit.events import EVENT_CLASSES, EVENTS, Actor, Decided, Event, ShadowDisagreed
from licet.audit.records import GENESIS, SALT_BYTES, Draft, Payload, Record, Unit, record_hash
from licet.audit.schema import PAYLOADS_MOST

FIELDS = frozenset({"actor", "body", "payloads", "prev", "seq", "stream", "tenant", "time", "type", "v"})
"""The keys of a record's text, in the order RFC 8785 gives them when sorted."""

LARGEST_PAYLOAD = 256 * 1024 * 1024
"""In bytes; what SQLite takes is a little less than four times that."""

Row = tuple[str, int, str, str]
"""One row of `events`: stream, seq, text, hash."""


class Encoded(NamedTuple):
    """A record's text but for `prev` and `seq`, which only the writer knows; they are neighbours in sorted
    order.

    `payloads` are the rows beside it: name, salt, content.
    """

    before: bytes
    after: bytes
    payloads: list[tuple[str, bytes, bytes]]

    def text(self, prev: str, seq: int) -> bytes:
        """The whole, as canonical JSON."""
        return b'%b%b","seq":%d%b' % (self.before, prev.encode(), seq, self.after)


def encode_unit(unit: Unit, moment: datetime) -> list[Encoded]:
    """The records of `unit`, at `moment`.

    Raises:
        Unrecordable: an event, actor, name or payload that cannot be written as canonical JSON.
    """
    try:
        place = orjson.dumps({"stream": unit.stream, "tenant": unit.tenant, "time": timestamp(moment)})
    except (TypeError, ValueError) as error:
        raise Unrecordable(f"the stream or the tenant of a unit cannot be recorded: {error}") from None
    # Each begins where a record's sorted fields go on behind `payloads`, `seq` and `time`.
    return [_encode(draft, b"," + place[1:-1]) for draft in unit.drafts]


def _encode(draft: Draft, place: bytes) -> Encoded:
    event, actor, payloads = draft
    if len(payloads) > PAYLOADS_MOST:
        raise Unrecordable(
            f"a {event.type} event has {len(payloads)} payloads, and {PAYLOADS_MOST} is the limit"
        )
    digests: dict[str, str] = {}
    rows = []
    for name, payload in payloads.items():
        content, salt = payload.content, payload.salt
        if type(content) is not bytes or len(content) > LARGEST_PAYLOAD:
            raise Unrecordable(
                f"the payload {name} of a {event.type} event is not bytes, or above 256 MiB of them"
            )
        if type(salt) is not bytes or len(salt) != SALT_BYTES:
            raise Unrecordable(
                f"the salt of the payload {name} of a {event.type} event is not {SALT_BYTES} bytes"
            )
        digests[name] = payload.digest()
        rows.append((name, salt, content))
    try:
        start = _start(event, actor, digests)
    except (TypeError, ValueError) as error:
        raise Unrecordable(f"a {event.type} event cannot be recorded: {error}") from None
    # `prev` and `seq` sort between the two halves, so the canonical whole is the halves with them in between.
    return Encoded(start[:-1] + b',"prev":"', place + _ENDS[type(event)], rows)


def _start(event: Event, actor: Actor, digests: dict[str, str]) -> bytes:
    """The record's first fields, `actor`, `body` and `payloads`, as canonical JSON."""
    if _is_plain(event) and all(map(str.isascii, digests)):
        body = event.__dict__.copy()
        del body["type"], body["v"]
        fields = {"actor": actor.__dict__, "body": body, "payloads": digests}
        try:
            return orjson.dumps(fields, default=_fields, option=_OPTIONS)
        except TypeError:
            pass  # what is wrong, and where, `canonical` says
    return canonical({"actor": actor.model_dump(), "body": event_body(event), "payloads": digests})


def _fields(model: Any) -> object:
    """The fields of a model inside an event; orjson writes everything else that there is."""
    if isinstance(model, BaseModel):
        return model.__dict__
    raise TypeError


def _is_plain(event: Event) -> bool:
    """Whether orjson's JSON of it is canonical: it holds no float and no key beyond ASCII."""
    kind = type(event)
    if kind in _FREE_FORM:
        return False
    decision: Decided | None = event.decision if kind in _DECIDED else None  # type: ignore[union-attr]
    return decision is None or not decision.obligations


def _says_anything(annotation: Any) -> bool:
    """Whether values of this type can hold a float or a key beyond ASCII, a decision's obligations left out."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return any(
            _says_anything(field.annotation)
            for name, field in fields
            if (annotation, name) != (Decided, "obligations")
        )
    if get_origin(annotation) is Literal:
        return False
    inner = get_args(annotation)
    if inner and get_origin(annotation) in (tuple, UnionType, Union):
        return any(_says_anything(item) for item in inner)
    return annotation not in (str, int, bool, type(None), ...)


# One with two decisions counts as such: `_is_plain` looks into the obligations of one.
_FREE_FORM = frozenset(event for event in EVENT_CLASSES if _says_anything(event) or event is ShadowDisagreed)
_DECIDED = frozenset(event for event in EVENT_CLASSES if "decision" in event.model_fields)
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_ENDS: dict[type[Any], bytes] = {
    event: b',"type":%b,"v":%d}'
    % (orjson.dumps(event.model_fields["type"].default), event.model_fields["v"].default)
    for event in EVENT_CLASSES
}
"""How a record of each kind of event ends."""


def event_body(event: Event) -> dict[str, Json]:
    """What stands under `body` in the record of `event`: its fields without `type` and `v`."""
    body: dict[str, Json] = event.model_dump(mode="json")
    del body["type"], body["v"]
    return body


def decode(stream: str, seq: int, stored: object, hash: object) -> Record:
    """The record that stands under (`stream`, `seq`), `stored` and `hash` as the row has them.

    Raises:
        JournalDamaged: the text is not the one its hash was taken over, is of another place, or is no record.
    """
    if not isinstance(stored, str) or not isinstance(hash, str):
        raise _damaged(stream, seq, "it is not there as text")
    text = stored.encode()
    if record_hash(text) != hash:
        raise _damaged(stream, seq, "its text was changed: its hash is another")
    try:
        fields = orjson.loads(text)
    except ValueError:
        raise _damaged(stream, seq, "it is not JSON") from None
    return decode_fields(stream, seq, text, hash, fields)


def decode_fields(stream: str, seq: int, text: bytes, hash: str, fields: Any) -> Record:
    """The record whose text was parsed to `fields`.

    Raises:
        JournalDamaged: it is of another place, or is no record.
    """
    if not isinstance(fields, dict) or fields.keys() != FIELDS:
        raise _damaged(stream, seq, "it does not have the fields of a record")
    if fields["stream"] != stream or fields["seq"] != seq:
        raise _damaged(stream, seq, f"it is record {fields['seq']} of stream {fields['stream']}, moved here")
    digests = fields["payloads"]
    texts = (fields["tenant"], fields["prev"], fields["type"], fields["time"])
    if not all(isinstance(field, str) for field in texts) or not isinstance(fields["body"], dict):
        raise _damaged(stream, seq, "a field of it is of the wrong type")
    if not isinstance(digests, dict) or not all(isinstance(digest, str) for digest in digests.values()):
        raise _damaged(stream, seq, "its payload digests are of the wrong type")
    try:
        event = EVENTS.validate_python({**fields["body"], "type": fields["type"], "v": fields["v"]})
        actor = Actor.model_validate(fields["actor"])
        time = parse_timestamp(fields["time"])
    except ValidationError as error:
        places = ", ".join(
            ".".join(map(str, fault["loc"])) or "type" for fault in error.errors(include_input=False)
        )
        why = f"it does not fit the schema of {fields['type']} version {fields['v']} ({places})"
        raise _damaged(stream, seq, why) from None
    except ValueError:
        raise _damaged(stream, seq, "its time is not written as Licet writes it") from None
    return Record(
        stream=stream,
        seq=seq,
        tenant=fields["tenant"],
        time=time,
        actor=actor,
        event=event,
        payloads=digests,
        prev=fields["prev"],
        hash=hash,
        text=text,
    )


def decode_chain(
    rows: Iterable[Row], stream: str, *, after: int, prev: str | None, end: int, end_hash: str
) -> Iterator[Record]:
    """The records of `stream` behind `after`, each checked against the one before it.

    Args:
        rows: the rows, in order of seq.
        after: the seq of the record before the first.
        prev: that record's hash, where it is known.
        end: the last seq there must be, and `end_hash` that record's hash, as the stream's head has them.

    Raises:
        JournalDamaged: a record was changed, moved or removed.
    """
    seq = after
    if after == 0:
        prev = GENESIS
    for _, found, text, hash in rows:
        seq += 1
        if found != seq:
            raise _damaged(stream, seq, "it is missing")
        record = decode(stream, seq, text, hash)
        if prev is not None and record.prev != prev:
            raise _damaged(stream, seq - 1, f"record {seq} was chained to another one than stands here now")
        prev = hash
        yield record
    if seq < end:
        raise _damaged(stream, seq + 1, f"it is missing: the stream's head stands at {end}")
    if seq > after and (seq > end or prev != end_hash):
        raise _damaged(stream, seq, "it is not the record at which the stream's head stands")


def check_payload(
    stream: str, seq: int, name: str, salt: object, content: object, digests: dict[str, str]
) -> bytes:
    """`content`, as the row has it, when it is the payload `name` whose digest the record holds.

    Raises:
        JournalDamaged: it is not.
    """
    if (
        not isinstance(salt, bytes)
        or not isinstance(content, bytes)
        or Payload(content, salt).digest() != digests.get(name)
    ):
        raise JournalDamaged(
            f"the payload {name} of record {seq} in stream {stream} is not the one its record names."
            " Run `licet audit verify`."
        )
    return content


def _damaged(stream: str, seq: int, why: str) -> JournalDamaged:
    return JournalDamaged(f"record {seq} of stream {stream} is damaged: {why}. Run `licet audit verify`.")
