"""`net.cidr_*` by Go's `net` package: no leading zeros, no zones, and ::ffff:a.b.c.d is an IPv4 address."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from licet.policies.builtins.values import Builtin, Number, Object, Stop, Undefined, Value, bounded, text

_V4_IN_V6 = 0xFFFF << 32
_SOUND_V6 = 1 << 120
_IPV4 = re.compile(r"(0|[1-9][0-9]{0,2})(?:\.(0|[1-9][0-9]{0,2})){3}", re.ASCII)
_PREFIX = re.compile(r"0*([0-9]{1,3})", re.ASCII)


class _Network(NamedTuple):
    """A network as Go's net.IPNet: `bits` is 32 or 128."""

    first: int
    length: int
    bits: int

    @property
    def start(self) -> int:
        return self.first >> (self.bits - self.length) << (self.bits - self.length)

    @property
    def last(self) -> int:
        return self.first | ((1 << (self.bits - self.length)) - 1)

    def __str__(self) -> str:
        return f"{_show(self.first, self.bits)}/{self.length}"


_ALL_V6 = _Network(0, 0, 128)


def _show(address: int, bits: int) -> str:
    """An address as Go writes it: ::ffff:a.b.c.d as a.b.c.d."""
    if bits == 32 or address >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(address & 0xFFFF_FFFF))
    return ipaddress.IPv6Address(address).compressed


def _address(written: str) -> tuple[int, int] | None:
    """Value and bits of an address, as `netip.ParseAddr` reads it, without a zone."""
    if "%" in written or not written.isascii():
        return None
    try:
        if ":" not in written:
            return (int(ipaddress.IPv4Address(written)), 32) if _IPV4.fullmatch(written) else None
        _, _, tail = written.rpartition(":")
        if "." in tail and not _IPV4.fullmatch(tail):
            return None
        return int(ipaddress.IPv6Address(written)), 128
    except ValueError:
        return None


def _cidr(value: Value) -> _Network:
    written, slash, length = text(value).partition("/")
    address = _address(written)
    prefix = _PREFIX.fullmatch(length)
    if address is None or not slash or prefix is None or int(prefix[1]) > address[1]:
        raise Undefined
    ones = int(prefix[1])
    first = address[0] >> (address[1] - ones) << (address[1] - ones)
    return _Network(first, ones, address[1])


def is_valid(value: Value) -> Value:
    """`net.cidr_is_valid(cidr)`."""
    try:
        _cidr(value)
    except Undefined:
        return False
    return True


def expand(value: Value) -> Value:
    """`net.cidr_expand(cidr)`: each address in it."""
    network = _cidr(value)
    if network.bits == 128 and network.first <= _V4_IN_V6 + 2**32 - 1 and network.last >= _V4_IN_V6:
        raise Stop("OPA has no sound answer for a network that holds IPv4-mapped addresses")
    bounded(network.last - network.first + 1)
    return frozenset(_show(address, network.bits) for address in range(network.first, network.last + 1))


def _contains(outer: _Network, first: int, bits: int) -> bool:
    """Go's `IPNet.Contains`."""
    if bits == 128 and first >> 32 == 0xFFFF:
        first, bits = first & 0xFFFF_FFFF, 32
    network = outer
    if outer.bits == 128 and outer.first >> 32 == 0xFFFF:
        network = _Network(outer.first & 0xFFFF_FFFF, outer.length - 96, 32)
    return bits == network.bits and first >> (bits - network.length) == network.first >> (
        bits - network.length
    )


def _matches(network: _Network, other: tuple[int, int] | _Network) -> bool:
    if not isinstance(other, _Network):
        return _contains(network, *other)
    if network.bits == other.bits == 128 and 0xFFFF not in (network.first >> 32, other.first >> 32):
        return network.length <= other.length and network.first <= other.first <= network.last
    return _contains(network, other.first, other.bits) and _contains(network, other.last, other.bits)


def contains_matches(cidrs: Value, others: Value) -> Value:
    """`net.cidr_contains_matches(cidrs, cidrs_or_ips)`: the pairs of indices of which one holds the other."""
    outer = _indexed(cidrs)
    inner = _indexed(others) if outer else []
    if not inner:
        return frozenset()
    bounded(len(outer) * len(inner))
    networks = [(_cidr(item), index) for item, index in outer]
    places = [(_address(text(item)) or _cidr(item), index) for item, index in inner]
    return frozenset(
        (mine, yours) for network, mine in networks for other, yours in places if _matches(network, other)
    )


def _indexed(value: Value) -> list[tuple[Value, Value]]:
    if type(value) is str:
        return [(value, value)]
    if type(value) is tuple:
        return [(_named(item), Number(index)) for index, item in enumerate(value)]
    if type(value) is frozenset:
        return [(_named(item), item) for item in value]
    if type(value) is Object:
        return [(_named(item), key) for key, item in value.items()]
    return []


def _named(item: Value) -> Value:
    if type(item) is tuple and item:
        return item[0]
    if type(item) is str:
        return item
    raise Undefined


def merge(values: Value) -> Value:
    """`net.cidr_merge(cidrs_or_ips)`: the networks that touch or overlap, made into the fewest."""
    if type(values) is not tuple and type(values) is not frozenset:
        raise Undefined
    networks = [_given(text(value)) for value in values]
    if _ALL_V6 in networks and all(network.bits == 128 for network in networks):
        return frozenset([str(_ALL_V6)])
    if any(network.bits == 128 and network.first < _SOUND_V6 for network in networks):
        raise Stop("OPA has no sound answer for IPv6 networks below 100::")
    found: set[Value] = set()
    for bits in (32, 128):
        found |= _merged([network for network in networks if network.bits == bits], bits)
    return frozenset(found)


def _merged(networks: list[_Network], bits: int) -> set[Value]:
    ranges = sorted((network.last, network.start, network) for network in networks)
    found: set[Value] = set()
    while ranges:
        last, start, alone = ranges.pop()
        single = True
        while ranges and start - 1 <= ranges[-1][0]:
            _, other, _ = ranges.pop()
            start, single = min(start, other), False
        found |= {str(alone)} if single else {str(part) for part in _covering(start, last, bits)}
    return found


def _covering(start: int, last: int, bits: int) -> list[_Network]:
    parts = []
    while start <= last:
        free = bits if start == 0 else (start & -start).bit_length() - 1
        while start + (1 << free) - 1 > last:
            free -= 1
        parts.append(_Network(start, bits - free, bits))
        start += 1 << free
    return parts


def _given(written: str) -> _Network:
    address = _address(written)
    if address is None:
        return _cidr(written)
    value, bits = address
    if bits == 128 and value >> 32 != 0xFFFF:
        raise Undefined
    value &= 0xFFFF_FFFF
    top = value >> 24
    if top >= 224:
        raise Stop("OPA has no sound answer for an address that has no class")
    length = 8 if top < 128 else 16 if top < 192 else 24
    return _Network(value, length, 32)


BUILTINS: dict[str, Builtin] = {
    "net.cidr_contains_matches": contains_matches,
    "net.cidr_expand": expand,
    "net.cidr_is_valid": is_valid,
    "net.cidr_merge": merge,
}
"""What this file gives, by name."""
