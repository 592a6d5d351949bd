"""The public suite finds planted bugs: for each family of checks stores that are wrong now and then.

Each bug shows in a part of the operations only, drawn from a seed, so that the suite must look more than
once.  A bug that no check of its family finds fails the test that names it.
"""

from __future__ import annotations

import itertools
import posixpath
import random
import time
import unicodedata
from typing import Any

import pytest

import tegula
from tegula.effects.storage import ReadMany
from tegula.kv.plugin import plugin_driver
from tegula.leaves.plugin import PluginLeaf
from tegula.record import replace
from tegula.registry import register
from tegula.runtime.model_store import ModelStore
from tegula.testing.arrays import ArrayChecks
from tegula.testing.concurrency import ConcurrencyChecks
from tegula.testing.conditions import ConditionChecks
from tegula.testing.keys import KeyChecks
from tegula.testing.listing import ListingChecks
from tegula.testing.native import NativeChecks
from tegula.testing.stores import StoreChecks, all_checks
from tegula.testing.values import ValueChecks

from .stores_of_users import Versioned

pytestmark = pytest.mark.filterwarnings("ignore::tegula.LostUpdates")
SEEDS = 2
_fresh = itertools.count()


class Planted(Versioned):
    """A store that is right when `wrong` says no."""

    chance = 0.7

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.draw = random.Random(seed)

    def wrong(self) -> bool:
        return self.draw.random() < self.chance


# ---- values


class LosesEmptyValues(Planted):
    def get(self, key):
        found = super().get(key)
        return None if found and not found[0] and self.wrong() else found


class CutsBigValues(Planted):
    def put(self, key, value):
        return super().put(key, value[: 1 << 20] if self.wrong() else value)


class ClampsParts(Planted):
    def get_range(self, key, start, stop):
        found = self.get(key)
        return found and (found[0][start:stop], found[1])


class SuffixFromTheFront(Planted):
    def get_range(self, key, start, stop):
        found = self.get(key)
        return found and (found[0][:-start] if start < 0 else found[0][start:stop], found[1])


class PartsHaveTheirOwnVersion(Planted):
    def get_range(self, key, start, stop):
        from tegula.kv.spec import ByteRange
        from tegula.leaves.leaf import span

        found = self.get(key)
        if found is None:
            return None
        first, last = span(ByteRange(start, stop), len(found[0]))
        return found[0][first:last], 1000 + last - first


class ReadsWhatWasBefore(Planted):
    def put(self, key, value):
        self.before = self.values.get(key)
        return super().put(key, value)

    def get(self, key):
        return self.before if self.wrong() and getattr(self, "before", None) else super().get(key)


class ForgetsToDelete(Planted):
    def delete(self, key):
        if not self.wrong():
            super().delete(key)


class DeletesNamesakes(Planted):
    def delete(self, key):
        for name in tuple(self.values):
            if name == key or (name.startswith(key) and self.wrong()):
                super().delete(name)


class TellsTheTimeOfTheEpoch(ModelStore):
    def __init__(self, ref: Any) -> None:
        super().__init__()


# ---- conditions


class IgnoresConditions(Planted):
    def put_if(self, key, value, version):
        return self.put(key, value) if self.wrong() else super().put_if(key, value, version)


class CreatesOverWhatIsThere(Planted):
    def put_if(self, key, value, version):
        return self.put(key, value) if version is None else super().put_if(key, value, version)


class RefusesAndWrites(Planted):
    def put_if(self, key, value, version):
        made = super().put_if(key, value, version)
        if made is None and key in self.values and self.wrong():
            self.put(key, value)
        return made


class ReplacesWhatIsMissing(Planted):
    def put_if(self, key, value, version):
        return self.put(key, value) if key not in self.values else super().put_if(key, value, version)


class VersionIsTheSize(Planted):
    def put(self, key, value):
        self.values[key] = value, len(value)
        return len(value)


class VersionsStartAnew(Planted):
    def put(self, key, value):
        made = self.values.get(key, (b"", 0))[1] + 1
        self.values[key] = value, made
        return made


class VersionsAlternate(Planted):
    def put(self, key, value):
        made = super().put(key, value) % 2
        self.values[key] = value, made
        return made


class WriteTellsAnotherVersion(Planted):
    def put(self, key, value):
        return super().put(key, value) + (1000 if self.wrong() else 0)


class DeletesWhatIsNewer(Planted):
    def delete_if(self, key, version):
        return self.values.pop(key, None) is not None


class AlwaysUnchanged(Planted):
    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.first: dict[str, int] = {}

    def put(self, key, value):
        made = super().put(key, value)
        self.first.setdefault(key, made)
        return made

    def version(self, key):
        found = self.values.get(key)
        return None if found is None else self.first.get(key) if self.wrong() else found[1]


# ---- listing


class ListsOnePage(Planted):
    def list(self, prefix):
        return super().list(prefix)[:1000]


class ListsTwice(Planted):
    def list(self, prefix):
        found = super().list(prefix)
        return found + found[:1] if self.wrong() else found


class ListsWhatWasDeleted(Planted):
    def delete(self, key):
        super().delete(key)
        self.gone = key

    def list(self, prefix):
        return [*super().list(prefix), *([self.gone] if hasattr(self, "gone") and self.wrong() else [])]


class PrefixIsADirectory(Planted):
    def list(self, prefix):
        folder = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        return super().list(folder)


class StripsThePrefix(Planted):
    def list(self, prefix):
        return [key[len(prefix) :] for key in super().list(prefix)]


class ListsNoEmptyValues(Planted):
    def list(self, prefix):
        return [key for key in super().list(prefix) if self.values[key][0]]


class ListsOneLevel(Planted):
    def list(self, prefix):
        return [key for key in super().list(prefix) if key[len(prefix) :].count("/") < 2]


class RefusedWriteMakesAKey(Planted):
    def list(self, prefix):
        return [*super().list(prefix), *[key for key in self.asked if key.startswith(prefix)]]

    def put_if(self, key, value, version):
        made = super().put_if(key, value, version)
        if made is None:
            self.asked.append(key)
        return made

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.asked: list[str] = []


# ---- keys


class Renames(Planted):
    """Keeps values under another name than they were given."""

    def name(self, key: str) -> str:
        raise NotImplementedError

    def get(self, key):
        return super().get(self.name(key))

    def put(self, key, value):
        return super().put(self.name(key), value)

    def put_if(self, key, value, version):
        return super().put_if(self.name(key), value, version)

    def delete(self, key):
        super().delete(self.name(key))


class LowersCase(Renames):
    def name(self, key):
        return key.lower()


class Normalises(Renames):
    def name(self, key):
        return unicodedata.normalize("NFC", key)


class Unquotes(Renames):
    def name(self, key):
        return key.replace("%20", " ").replace("%25", "%")


class CutsLongKeys(Renames):
    def name(self, key):
        return key[:128]


class ResolvesDots(Renames):
    def name(self, key):
        return posixpath.normpath(key)


class AsciiKeys(Renames):
    def name(self, key):
        return key.encode("ascii", "replace").decode()


# ---- at once


class ChecksThenWrites(Planted):
    def put_if(self, key, value, version):
        found = self.values.get(key, (b"", None))[1]
        time.sleep(0.001)
        return self.put(key, value) if found == version else None


class WritesInTwoSteps(Planted):
    def put(self, key, value):
        self.values[key] = value[: len(value) // 2], -1
        time.sleep(0.0005)
        return super().put(key, value)


class ListsWhatIsUnderWay(Planted):
    def put(self, key, value):
        self.values[key + ".part"] = value, -1
        time.sleep(0.001)
        del self.values[key + ".part"]
        return super().put(key, value)


class OneAtATimeOrNothing(Planted):
    """Drops a write that comes while another is under way."""

    busy = False

    def put(self, key, value):
        if self.busy:
            return next(self.numbers)
        self.busy = True
        time.sleep(0.0005)
        self.busy = False
        return super().put(key, value)


# ---- blocks


class ForgetsRanges(PluginLeaf):
    def read_many(self, effect):
        return super().read_many(replace(effect, ranges=None))


class ForgetsWhatIsKnown(PluginLeaf):
    def read_many(self, effect):
        return super().read_many(replace(effect, if_not_equal=None))


class ForgetsConditions(PluginLeaf):
    def write_many(self, effect):
        return super().write_many(replace(effect, if_equal=None))


class AnswersOutOfOrder(PluginLeaf):
    def read_many(self, effect):
        found = super().read_many(effect)
        return replace(found, values=found.values[::-1], generations=found.generations[::-1])


class ErrorOfTheLastRow(PluginLeaf):
    def read_many(self, effect):
        rows = range(len(effect.keys))[::-1]
        found = super().read_many(
            replace(
                effect,
                keys=[effect.keys[row] for row in rows],
                ranges=effect.ranges and [effect.ranges[row] for row in rows],
                if_not_equal=effect.if_not_equal and [effect.if_not_equal[row] for row in rows],
            )
        )
        return replace(found, values=found.values[::-1], generations=found.generations[::-1])


class TriesInAnotherOrder(PluginLeaf):
    def tried(self, effect):
        found = super().tried(effect)
        if not hasattr(found.columns, "values"):
            return found
        columns = found.columns
        turned = replace(columns, values=columns.values[::-1], generations=columns.generations[::-1])
        return replace(found, columns=turned)


class TriesAndForgetsErrors(PluginLeaf):
    def tried(self, effect):
        return replace(super().tried(effect), errors={})


class TriesBlindly(PluginLeaf):
    def tried(self, effect):
        blind = effect.block if isinstance(effect.block, ReadMany) else replace(effect.block, if_equal=None)
        return super().tried(replace(effect, block=blind))


# ---- arrays


class WritesOnce(Planted):
    def put(self, key, value):
        return self.values[key][1] if key in self.values else super().put(key, value)


class MixesChunksUp(Renames):
    def name(self, key):
        return key.replace("/2/1", "/1/1").replace("2.1", "1.1")


class FindsWhatIsNotThere(Planted):
    def get(self, key):
        return super().get(key) or ((b"{}", 5) if key.endswith("zarr.json") else None)


BUGS = {
    ValueChecks: [
        LosesEmptyValues,
        CutsBigValues,
        ClampsParts,
        SuffixFromTheFront,
        PartsHaveTheirOwnVersion,
        ReadsWhatWasBefore,
        ForgetsToDelete,
        DeletesNamesakes,
        TellsTheTimeOfTheEpoch,
    ],
    ConditionChecks: [
        IgnoresConditions,
        CreatesOverWhatIsThere,
        RefusesAndWrites,
        ReplacesWhatIsMissing,
        VersionIsTheSize,
        VersionsStartAnew,
        VersionsAlternate,
        WriteTellsAnotherVersion,
        DeletesWhatIsNewer,
        AlwaysUnchanged,
    ],
    ListingChecks: [
        ListsOnePage,
        ListsTwice,
        ListsWhatWasDeleted,
        PrefixIsADirectory,
        StripsThePrefix,
        ListsNoEmptyValues,
        ListsOneLevel,
        RefusedWriteMakesAKey,
        DeletesNamesakes,
        ForgetsToDelete,
    ],
    KeyChecks: [LowersCase, Normalises, Unquotes, CutsLongKeys, ResolvesDots, AsciiKeys],
    ConcurrencyChecks: [ChecksThenWrites, WritesInTwoSteps, ListsWhatIsUnderWay, OneAtATimeOrNothing],
    NativeChecks: [
        ForgetsRanges,
        ForgetsWhatIsKnown,
        ForgetsConditions,
        AnswersOutOfOrder,
        ErrorOfTheLastRow,
        TriesInAnotherOrder,
        TriesAndForgetsErrors,
        TriesBlindly,
    ],
    ArrayChecks: [WritesOnce, MixesChunksUp, FindsWhatIsNotThere, ChecksThenWrites],
}
PAIRS = [(family, bug) for family, bugs in BUGS.items() for bug in bugs]


class Unretried(Versioned):
    retries = 0


def planted(bug: type, seed: int) -> Any:
    name = f"planted{next(_fresh)}"
    if issubclass(bug, Planted):
        tegula.register_store(name, bug(seed))
    else:
        # a store that is asked again answers blocks row by row, by `tried`; another at once
        tegula.register_store(name, Versioned if "tried" in vars(bug) else Unretried)
        register("leaves", name, bug)
        register("kvstores", name, plugin_driver(name))
    return tegula.KvStore.open(f"{name}://p/").result()


def found(family: type, bug: type, seed: int) -> list[str]:
    names = []
    for check in all_checks(family):
        try:
            check(StoreChecks(), planted(bug, seed))
        except Exception:
            names.append(check.__name__)
    return names


@pytest.mark.parametrize(("family", "bug"), PAIRS, ids=[f"{f.__name__}-{b.__name__}" for f, b in PAIRS])
def test_the_family_finds_the_bug(family, bug):
    for seed in range(SEEDS):
        assert found(family, bug, seed)


def test_a_store_without_bugs_is_not_accused():
    class Sound(Planted):
        pass

    for family in BUGS:
        assert found(family, Sound, 0) == []


def test_every_family_has_its_bugs_and_there_are_enough_checks():
    from tegula.testing.stores import FAMILIES

    assert set(BUGS) == set(FAMILIES)
    assert len(all_checks()) >= 60
