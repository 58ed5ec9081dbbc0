"""`object.subset` and `graph.reachable_paths`."""

from __future__ import annotations

from licet.policies.builtins.values import Builtin, Object, Undefined, Value, Work, bounded, write


def subset(whole: Value, part: Value) -> Value:
    """`object.subset(super, sub)`: whether all of sub is in super; within objects, at any depth."""
    if type(whole) is tuple and type(part) is frozenset:
        # OPA counts each element of the array that is in the set, one that comes twice too.
        return bool(whole) and sum(item in part for item in whole) >= len(part)
    found = _within(whole, part)
    if found is None:
        raise Undefined
    return found


def _within(whole: Value, part: Value) -> bool | None:
    if type(whole) is Object and type(part) is Object:
        return all(key in whole and _holds(whole[key], item) for key, item in part.items())
    if type(whole) is frozenset and type(part) is frozenset:
        return part <= whole
    if type(whole) is tuple and type(part) is tuple:
        return _runs(whole, part)
    return None


def _holds(whole: Value, part: Value) -> bool:
    found = _within(whole, part)
    return whole == part if found is None else found


def _runs(whole: tuple[Value, ...], part: tuple[Value, ...]) -> bool:
    """Whether the part stands in the whole in one piece. By Knuth, Morris and Pratt: no element is gone back to."""
    # Each distinct element has a number, so that a large one is read once, however often it is compared.
    numbers: dict[Value, int] = {}
    within, wanted = ([numbers.setdefault(item, len(numbers)) for item in items] for items in (whole, part))
    matched = 0
    shorter = _shorter(wanted)
    for item in within:
        while matched and (matched == len(wanted) or wanted[matched] != item):
            matched = shorter[matched - 1]
        matched += bool(wanted) and wanted[matched] == item
        if matched == len(wanted):
            return True
    return not wanted


def _shorter(items: list[int]) -> list[int]:
    """For each beginning of the items the length of the longest shorter one that it ends with."""
    found = [0] * len(items)
    length = 0
    for place in range(1, len(items)):
        while length and items[length] != items[place]:
            length = found[length - 1]
        length += items[length] == items[place]
        found[place] = length
    return found


def reachable_paths(graph: Value, initial: Value) -> Value:
    """`graph.reachable_paths(graph, initial)`: the set of paths from the initial vertices, each an array."""
    if type(graph) is not Object or (type(initial) is not tuple and type(initial) is not frozenset):
        raise Undefined
    found = _Paths()
    waiting: list[tuple[Value, tuple[Value, ...]]] = []
    for vertex in initial:
        if vertex not in graph:
            continue
        edges = _edges(graph[vertex])
        if not edges:
            found.add((vertex,))
        found.work.take(len(edges))
        waiting += [(edge, (vertex,)) for edge in edges]
    while waiting:
        vertex, path = waiting.pop()
        found.work.take(1 + len(path))
        if vertex not in graph:
            found.add(path)
            continue
        path = (*path, vertex)
        edges = _edges(graph[vertex])
        if not edges:
            found.add(path)
        found.work.take(len(edges) * len(path))
        for edge in edges:
            if edge in path:
                found.add(path)
            else:
                waiting.append((edge, path))
    return frozenset(found.all)


class _Paths:
    """The paths so far. Few vertices have many paths between them, so what they hold together is bounded."""

    def __init__(self) -> None:
        self.all: set[Value] = set()
        self.work = Work()
        self._elements = 0
        self._sizes: dict[Value, int] = {}

    def add(self, path: tuple[Value, ...]) -> None:
        if path not in self.all:
            self._elements = bounded(self._elements + sum(map(self._size, path)))
            self.all.add(path)

    def _size(self, vertex: Value) -> int:
        """In elements: a long text stands for one per 50 characters."""
        if vertex not in self._sizes:
            self._sizes[vertex] = 1 + len(write(vertex)) // 50
        return self._sizes[vertex]


def _edges(value: Value) -> tuple[Value, ...]:
    return tuple(value) if type(value) is tuple or type(value) is frozenset else ()


BUILTINS: dict[str, Builtin] = {
    "graph.reachable_paths": reachable_paths,
    "object.subset": subset,
}
"""What this file gives, by name."""
