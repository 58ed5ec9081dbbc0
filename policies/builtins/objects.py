"""`object.subset` and `graph.reachable_paths`."""

from __future__ import annotations

from licet.policies.builtins.values import Builtin, Object, Undefined, Value, bounded


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
    return whole == part or bool(_within(whole, part))


def _runs(whole: tuple[Value, ...], part: tuple[Value, ...]) -> bool:
    return any(whole[start : start + len(part)] == part for start in range(len(whole) - len(part) + 1))


def reachable_paths(graph: Value, initial: Value) -> Value:
    """`graph.reachable_paths(graph, initial)`: the set of paths from the initial vertices, each an array."""
    if type(graph) is not Object or (type(initial) is not tuple and type(initial) is not frozenset):
        raise Undefined
    found: set[Value] = set()
    steps = 0
    waiting: list[tuple[Value, tuple[Value, ...]]] = []
    for vertex in initial:
        if vertex not in graph:
            continue
        edges = _edges(graph[vertex])
        if not edges:
            found.add((vertex,))
        waiting += [(edge, (vertex,)) for edge in edges]
    while waiting:
        steps = bounded(steps + 1)
        vertex, path = waiting.pop()
        if vertex not in graph:
            found.add(path)
            continue
        path = (*path, vertex)
        edges = _edges(graph[vertex])
        if not edges:
            found.add(path)
        for edge in edges:
            if edge in path:
                found.add(path)
            else:
                waiting.append((edge, path))
    return frozenset(found)


def _edges(value: Value) -> tuple[Value, ...]:
    return tuple(value) if type(value) is tuple or type(value) is frozenset else ()


BUILTINS: dict[str, Builtin] = {
    "graph.reachable_paths": reachable_paths,
    "object.subset": subset,
}
"""What this file gives, by name."""
