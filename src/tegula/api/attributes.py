"""The attributes of a group or an array as a mapping: assignment writes.

Knows: which program each method is.  Must not know: where a format keeps attributes.

Law: a change is one conditional write of one document; changes of different attributes by different
writers are all kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from typing import Any

from tegula.errors import NotFound
from tegula.formats.groups.group import Node
from tegula.programs.hierarchy import Place, change_attributes, read_node
from tegula.runtime.session import run

__all__ = ["Attributes"]


class Attributes(MutableMapping[str, Any]):
    """The attributes of one node, as they were when it was opened or last changed here.

    >>> import tegula
    >>> group = tegula.open_group("memory://a/", create=True).result()
    >>> group.attrs["title"] = "heights"
    >>> group.attrs.update({"unit": "m", "valid": [0, 9000]})
    >>> group.attrs
    {'title': 'heights', 'unit': 'm', 'valid': [0, 9000]}
    """

    __slots__ = ("_changed", "_kind", "_place", "_values")

    def __init__(self, place: Place, node: Node, changed: Callable[[Node], None] | None = None) -> None:
        self._place, self._kind, self._values, self._changed = place, node.kind, node.attributes, changed

    def __getitem__(self, name: str) -> Any:
        """Return an attribute, as a copy.

        Raises:
            KeyError: there is none of that name.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.attrs["range"] = [0, 9]
        >>> group.attrs["range"]
        [0, 9]
        """
        return deepcopy(self._values[name])

    def __iter__(self) -> Iterator[str]:
        """Return an iterator of the names.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.attrs.update(b=1, a=2)
        >>> list(group.attrs)
        ['b', 'a']
        """
        return iter(self._values)

    def __len__(self) -> int:
        """Return how many there are.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.attrs.update(b=1, a=2)
        >>> len(group.attrs)
        2
        """
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._values == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __setitem__(self, name: str, value: Any) -> None:
        """Set an attribute, by one conditional write; the others stay as they are stored.

        Raises:
            NotFound: the group or array is gone.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.attrs["range"] = [0, 9]
        >>> dict(group.resolve().result().attrs)
        {'range': [0, 9]}
        """
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        """Remove an attribute.

        Raises:
            KeyError: there is none of that name.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.attrs.update(b=1, a=2)
        >>> del group.attrs["b"]
        >>> group.attrs
        {'a': 2}
        """
        fresh = self.refresh()
        del fresh[name]
        self.put(fresh)

    def update(self, *given: Any, **named: Any) -> None:
        """Set some attributes, by one conditional write; arguments are those of ``dict.update``.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.attrs.update({"by": "me"}, version=2)
        >>> group.attrs
        {'by': 'me', 'version': 2}
        """
        self._change(dict(*given, **named), True)

    def put(self, attributes: Mapping[str, Any]) -> None:
        """Set these attributes and remove all others, by one write.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.attrs["by"] = "me"
        >>> group.attrs.put({"version": 2})
        >>> group.attrs
        {'version': 2}
        """
        self._change(dict(attributes), False)

    def clear(self) -> None:
        """Remove all attributes, by one write.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> group.attrs["by"] = "me"
        >>> group.attrs.clear()
        >>> group.attrs
        {}
        """
        self.put({})

    def refresh(self) -> dict[str, Any]:
        """Read the attributes again, and return a copy of them.

        Raises:
            NotFound: the group or array is gone.

        >>> import tegula
        >>> group = tegula.open_group("memory://a/", create=True).result()
        >>> mine = group.attrs
        >>> group.attrs["by"] = "another"
        >>> dict(mine), mine.refresh()
        ({}, {'by': 'another'})
        """
        node = run(read_node(self._place))
        if node is None:
            raise NotFound(f"There is no node at {self._place.describe()}")
        self._values = node.attributes
        return deepcopy(node.attributes)

    def _change(self, attributes: dict[str, Any], merge: bool) -> None:
        if not (attributes or not merge):
            return
        node = run(change_attributes(self._place, self._kind, attributes, merge))
        self._values = node.attributes
        if self._changed is not None:
            self._changed(node)
