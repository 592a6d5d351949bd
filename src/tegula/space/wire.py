"""The JSON of domains and transforms.

What this file knows: the member names and defaults of the two documents, and the text of every complaint.
What it must not know: files, or what a transform is for.

Bounds are integers or `"-inf"` / `"+inf"`; an implicit bound is wrapped in a list of one.  Members that say
nothing (all bounds implicit and unbounded, no label) are left out; `rank` appears only where nothing else
does.
Law: `domain_from_json(domain_to_json(d)) == d`, and the same for transforms.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tegula.binding import array, as_json, at, at_member, at_position, dumps, expected, integer, mapping, text
from tegula.binding import members as only
from tegula.errors import InvalidArgument
from tegula.space.columns import COUNT, ONES, ZEROS
from tegula.space.components import bounded
from tegula.space.dim import Dim, dim
from tegula.space.domain import NO_LABELS, IndexDomain, plainly
from tegula.space.interval import (
    END,
    INF,
    MAX_RANK,
    MAX_SIZE,
    MIN_INT64,
    check_closed,
    quoted,
)
from tegula.space.labels import check_labels
from tegula.space.maps import (
    IDENTITY_MAPS,
    UNBOUNDED,
    IndexArray,
    OutputIndexMap,
    array_map,
    constant_map,
    frozen,
    single_map,
)
from tegula.space.transform import IndexTransform, fitted, identity, is_identity, settled

_UPPER_FORMS = ("shape", "inclusive_max", "exclusive_max")
_UPPER_INFINITY = {"shape": MAX_SIZE, "inclusive_max": INF, "exclusive_max": END}


def _wrapped(lo: int, implicit: bool, infinity: int, name: str) -> Any:
    value: Any = name if lo == infinity else lo
    return [value] if implicit else value


def domain_to_json(domain: IndexDomain, prefix: str = "") -> dict[str, Any]:
    """Return the members that describe `domain`, their names preceded by `prefix`.

    >>> domain_to_json(IndexDomain(2))
    {'rank': 2}
    """
    out: dict[str, Any] = {}
    los, his, labels = domain.inclusive_min, domain.exclusive_max, domain.labels
    if los and not (domain.lower_mask or domain.upper_mask or -INF in los or END in his):
        out[prefix + "exclusive_max"], out[prefix + "inclusive_min"] = list(his), list(los)
        if labels is not NO_LABELS[domain.rank] and any(labels):
            out[prefix + "labels"] = list(labels)
        return out
    full = (1 << domain.rank) - 1
    lower, upper = domain.implicit_lower_bounds, domain.implicit_upper_bounds
    if domain.upper_mask != full or any(hi != END for hi in his):
        bounds = [_wrapped(hi, flag, END, "+inf") for hi, flag in zip(his, upper, strict=True)]
        out[f"{prefix}exclusive_max"] = bounds
    if domain.lower_mask != full or any(lo != -INF for lo in los):
        bounds = [_wrapped(lo, flag, -INF, "-inf") for lo, flag in zip(los, lower, strict=True)]
        out[f"{prefix}inclusive_min"] = bounds
    if any(domain.labels):
        out[f"{prefix}labels"] = list(domain.labels)
    if not out:
        out[f"{prefix}rank"] = domain.rank
    return out


def domain_from_json(document: Any) -> IndexDomain:
    """Return the domain that a JSON document describes; raise `InvalidArgument` with the member's path.

    >>> domain_from_json({"inclusive_min": ["-inf", 7, ["-inf"]], "labels": ["x", "y", ""]})
    { "x": (-inf, +inf*), "y": [7, +inf*), (-inf*, +inf*) }
    """
    plain = _plain_domain(document, _DOMAIN_MEMBERS, "")
    if plain is not None:
        return plain
    given = as_json(document)
    with at("Error parsing index domain from JSON: "):
        members = dict(mapping(given))
        parts = _domain_parts(members, "")
        only(members, ())
        return bounded(*parts)


_DOMAIN_MEMBERS = {"inclusive_min", "exclusive_max", "shape", "labels"}
_TRANSFORM_MEMBERS = {*("input_" + name for name in _DOMAIN_MEMBERS), "output"}


def _plain_domain(document: Any, known: set[str], prefix: str) -> IndexDomain | None:
    """Return the domain of a document whose bounds are explicit and finite, as plain lists of integers.

    None where the long way must decide: something is unusual, or wrong.
    """
    if type(document) is not dict:
        return None
    for name in document:
        if name not in known:
            return None
    get = document.get
    try:
        return plainly(
            None,
            get(prefix + "inclusive_min"),
            get(prefix + "exclusive_max"),
            get(prefix + "shape"),
            get(prefix + "labels"),
        )
    except InvalidArgument:
        return None


def _plain_transform(document: Any) -> IndexTransform | None:
    """Return the transform of a plain domain and maps without index arrays, or None as `_plain_domain`."""
    domain = _plain_domain(document, _TRANSFORM_MEMBERS, "input_")
    if domain is None:
        return None
    output = document.get("output")
    if output is None:
        return None if "output" in document else identity(domain)
    if type(output) is not list or len(output) > MAX_RANK:
        return None
    dims, offsets, strides = [], [], []
    rank = domain.rank
    for item in output:
        if type(item) is not dict:
            return None
        along, offset, stride, known = -1, 0, 0, 0
        if "input_dimension" in item:
            along, stride, known = item["input_dimension"], 1, 1
            if type(along) is not int or not 0 <= along < rank:
                return None
            if "stride" in item:
                stride, known = item["stride"], 2
                if type(stride) is not int or not -END < stride < END:
                    return None
                if not stride:
                    along = -1
        if "offset" in item:
            offset = item["offset"]
            known += 1
            if type(offset) is not int or not -END < offset < END:
                return None
        if len(item) != known:
            return None
        dims.append(along)
        offsets.append(offset)
        strides.append(stride)
    return settled(domain, dims, offsets, strides)


def _domain_parts(members: dict[str, Any], prefix: str) -> tuple[Any, ...]:
    """Take the members of a domain out of `members` and return what `bounded` makes it of."""
    names = [prefix + n for n in ("rank", "inclusive_min", *_UPPER_FORMS, "labels")]
    if not any(name in members for name in names):
        listed = ", ".join(map(quoted, names))
        raise InvalidArgument(f"At least one of {listed} members must be specified")
    rank = los = ends = lower = upper = labels = None
    if (name := f"{prefix}rank") in members:
        with at_member(name):
            rank = integer(members.pop(name), 0, MAX_RANK)
    if (name := f"{prefix}inclusive_min") in members:
        with at_member(name):
            los, lower = _bounds(members.pop(name), rank, -INF, '"-inf"')
        rank = len(los)
    given = [form for form in _UPPER_FORMS if prefix + form in members]
    if len(given) > 1:
        listed = ", ".join(quoted(prefix + form) for form in _UPPER_FORMS)
        raise InvalidArgument(f"At most one of {listed} members is allowed")
    form = "exclusive_max"
    for form in given:
        with at_member(prefix + form):
            ends, upper = _bounds(members.pop(prefix + form), rank, _UPPER_INFINITY[form], '"+inf"')
        rank = len(ends)
    if (name := f"{prefix}labels") in members:
        with at_member(name):
            labels = _label_list(members.pop(name), rank)
        rank = len(labels)
    assert rank is not None
    return rank, los, form, ends, lower, upper, labels or NO_LABELS[rank]


def _check_length(length: int, rank: int | None) -> None:
    if length > MAX_RANK:
        raise InvalidArgument(f"Rank {length} is outside valid range [0, {MAX_RANK}]")
    if rank is not None and rank != length:
        raise InvalidArgument(f"Array has length {length} but should have length {rank}")


def _bound(value: Any, infinity: int, infinity_text: str) -> tuple[int, bool]:
    implicit = isinstance(value, list)
    if implicit:
        if len(value) != 1:
            raise expected("array of size 1 indicating an implicit value", value)
        value = value[0]
    if isinstance(value, str) and quoted(value) == infinity_text:
        return infinity, implicit
    try:
        return (integer(value, infinity) if infinity < 0 else integer(value, MIN_INT64, infinity)), implicit
    except InvalidArgument:
        raise expected(f"64-bit signed integer or {infinity_text}", value) from None


def _bounds(
    value: Any, rank: int | None, infinity: int, infinity_text: str
) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    items = array(value)
    _check_length(len(items), rank)
    pairs = []
    for i, item in enumerate(items):
        with at_position(i):
            pairs.append(_bound(item, infinity, infinity_text))
    return tuple([bound for bound, _ in pairs]), tuple([flag for _, flag in pairs])


def _label_list(value: Any, rank: int | None) -> tuple[str, ...]:
    items = array(value)
    _check_length(len(items), rank)
    labels = []
    for i, item in enumerate(items):
        with at_position(i):
            labels.append(text(item))
    check_labels(tuple(labels))
    return tuple(labels)


def interval_to_json(lo: int, hi: int) -> list[Any]:
    """Return a closed interval as a pair, infinities by name."""
    last = hi - 1
    return ["-inf" if lo == -INF else lo, "+inf" if last == INF else last]


def interval_from_json(value: Any) -> tuple[int, int]:
    """Return `[lo, hi)` from a pair that is a closed interval; raise `InvalidArgument`."""
    edges = []
    for i, item in enumerate(array(value, 2)):
        with at_position(i):
            edges.append(_edge(item))
    lo, last = edges
    check_closed(lo, last)
    return lo, last + 1


def _edge(value: Any) -> int:
    if value in ("-inf", "+inf"):
        return -INF if value == "-inf" else INF
    try:
        return integer(value, -INF, INF)
    except InvalidArgument:
        raise expected('64-bit signed integer or "-inf" or "+inf"', value) from None


def transform_to_json(t: IndexTransform) -> dict[str, Any]:
    """Return the members that describe a transform; `output` is left out for the identity.

    >>> transform_to_json(IndexTransform(1, [OutputIndexMap(3)]))
    {'input_rank': 1, 'output': [{'offset': 3}]}
    """
    out = domain_to_json(t.domain, "input_")
    rank = t.domain.rank
    if len(t._dims) == rank and is_identity(t):
        return out
    if t._arrays is None:
        if t._dims != COUNT[rank] or t._offsets != ZEROS[rank] or t._strides != ONES[rank]:
            rows = zip(t._dims, t._offsets, t._strides, strict=True)
            out["output"] = [_row_to_json(i, offset, stride) for i, offset, stride in rows]
    elif t.maps != IDENTITY_MAPS[rank]:
        out["output"] = [_map_to_json(m) for m in t.maps]
    return out


def _row_to_json(along: int, offset: int, stride: int) -> dict[str, Any]:
    """Return `_map_to_json` of a row of the columns."""
    out: dict[str, Any] = {}
    if stride:
        out["input_dimension"] = along
    if offset:
        out["offset"] = offset
    if stride and stride != 1:
        out["stride"] = stride
    return out


def _map_to_json(m: OutputIndexMap) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if m.index_array is not None and m.index_range is not None:
        lo, hi = m.index_range.inclusive_min, m.index_range.exclusive_max
        out["index_array"] = m.index_array.tolist()
        least, most = max(lo, 1 - INF), min(hi, INF) - 1
        said = lo == -INF and hi == END
        if not said and (int(m.index_array.min()) < least or int(m.index_array.max()) > most):
            out["index_array_bounds"] = interval_to_json(lo, hi)
    elif m.input_dimension is not None:
        out["input_dimension"] = m.input_dimension
    if m.offset:
        out["offset"] = m.offset
    if m.stride not in (None, 1):
        out["stride"] = m.stride
    return out


def transform_from_json(document: Any) -> IndexTransform:
    """Return the transform that a JSON document describes; raise `InvalidArgument` with the member's path.

    >>> transform_from_json({"input_rank": 2, "output": [{"input_dimension": 1}]}).maps
    (OutputIndexMap(offset=0, stride=1, input_dimension=1),)
    """
    plain = _plain_transform(document)
    if plain is not None:
        return plain
    given = as_json(document)
    with at("Error parsing index transform from JSON: "):
        members = dict(mapping(given))
        parts = _domain_parts(members, "input_")
        maps = None
        if "output" in members:
            with at_member("output"):
                maps = _output(members.pop("output"))
        only(members, ())
        domain = bounded(*parts)
        return identity(domain) if maps is None else fitted(domain, maps)


def _output(value: Any) -> tuple[OutputIndexMap, ...]:
    items = array(value)
    if len(items) > MAX_RANK:
        raise InvalidArgument(f"Rank {len(items)} is outside valid range [0, {MAX_RANK}]")
    maps = []
    for i, item in enumerate(items):
        with at_position(i):
            maps.append(_map(item))
    return tuple(maps)


def _map(value: Any) -> OutputIndexMap:
    members = dict(mapping(value))
    offset, stride, limits = 0, 1, UNBOUNDED
    if "offset" in members:
        with at_member("offset"):
            offset = integer(members.pop("offset"))
    if "input_dimension" in members and "index_array" in members:
        raise InvalidArgument('At most one of "input_dimension", "index_array" members is allowed')
    input_dimension = index_array = None
    if "input_dimension" in members:
        with at_member("input_dimension"):
            input_dimension = integer(members.pop("input_dimension"))
    if "index_array" in members:
        with at_member("index_array"):
            index_array = nested_array(members.pop("index_array"))
    if "index_array_bounds" in members:
        with at_member("index_array_bounds"):
            limits = _array_bounds(members.pop("index_array_bounds"), index_array is not None)
    if "stride" in members:
        with at_member("stride"):
            stride = _stride(members.pop("stride"), input_dimension is not None or index_array is not None)
    only(members, ())
    if index_array is not None:
        return array_map(index_array, offset, stride, limits)
    if input_dimension is not None:
        return single_map(input_dimension, offset, stride)
    return constant_map(offset)


def _array_bounds(value: Any, has_array: bool) -> Dim:
    if not has_array:
        raise InvalidArgument('"index_array_bounds" is only valid with "index_array"')
    return dim(*interval_from_json(value))


def _stride(value: Any, able: bool) -> int:
    if not able:
        raise InvalidArgument(
            'Either "input_dimension" or "index_array" must be specified in conjunction with "stride"'
        )
    return integer(value)


def nested_array(value: Any) -> IndexArray:
    """Return nested JSON lists of integers as a frozen int64 array; raise `InvalidArgument` if ragged."""
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        if not level:
            break
        level = level[0]
    flat: list[int] = []
    if 0 not in shape:
        _flatten(value, shape, (), flat)
    return frozen(np.array(flat, dtype=np.int64).reshape(shape))


def _flatten(value: Any, shape: list[int], at: tuple[int, ...], out: list[int]) -> None:
    place = f"position {{{', '.join(map(str, at))}}}"
    if isinstance(value, list):
        if len(at) >= len(shape):
            raise InvalidArgument(
                f"Expected rank-{len(shape)} array, but found array element {dumps(value)} at {place}."
            )
        if len(value) != shape[len(at)]:
            raise InvalidArgument(
                f"Expected array of shape {{{', '.join(map(str, shape))}}}, "
                f"but found array element {dumps(value)} of length {len(value)} at {place}."
            )
        for i, item in enumerate(value):
            _flatten(item, shape, (*at, i), out)
        return
    if len(at) != len(shape):
        raise InvalidArgument(
            f"Expected rank-{len(shape)} array, but found non-array element {dumps(value)} at {place}."
        )
    try:
        out.append(integer(value))
    except InvalidArgument as error:
        raise InvalidArgument(f"Error parsing array element at {place}: {error.message}") from None
