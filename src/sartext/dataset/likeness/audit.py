"""Second look at a built training set: nothing in it tells of a test image, and no split cuts what is one."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.core.files import atomic_path, read_json, sha256_file, write_json
from sartext.core.records import Scene
from sartext.core.tables import read_scenes
from sartext.dataset.likeness.duplicates import drawn_repeats, official_repeats
from sartext.dataset.likeness.overlap import cut_groups
from sartext.dataset.parts import Gathered, gather


@dataclass(frozen=True, slots=True)
class Remaining:
    """One scene that should not be in the set.

    Attributes:
        scene_id: the scene.
        kind: as a leak's; ``cut scene`` or ``cut duplicate (LIKENESS)`` for a validation scene of a training
            scene's group or image, or with its twin; or ``repeated test (LIKENESS)`` for a test scene, of a
            split that is drawn, that another one repeats.
        other: the test or training scene, or the benchmark image.
        distance: bits between perceptual hashes, where they told.
        via: the leaking image that it was found by, if it is not like the test image itself.
    """

    scene_id: str
    kind: str
    other: str
    distance: int | None
    via: str | None


def audit_set(config: Config, name: str, with_benchmark: bool = True) -> dict[str, Any]:
    """Check a built set against all test images anew, and write ``results/P/audit/NAME.json``.

    The scenes are those of ``results/P/NAME/scenes.parquet``, which training reads; images are compared by
    what was ingested. Tests are the test scenes of all sources as ingested, those of the set, and the frozen
    benchmark's images.

    Args:
        config: the profile; all its sources must be ingested, and the set built.
        name: the set, ``stage1`` or ``sartext``.
        with_benchmark: whether it is checked against the frozen benchmark too.

    Returns:
        What was written: ``set``, ``scenes`` (SHA-256 of the table), ``benchmark`` (version),
        ``benchmark_images``, ``tests`` (images), ``repeated_tests`` (official test scenes of the set that are
        the same as another one; they stay), ``checked`` (training and validation scenes),
        ``removed`` (the pairs that the build found and removed), ``removed_by_kind``, ``remaining`` (0).

    Raises:
        UserError: an input is missing or does not belong together; or something remains, which is named in
            ``results/P/audit/NAME.remaining.csv``, and no ``NAME.json`` is left.
    """
    folder = config.results / "audit"
    report, table = folder / f"{name}.json", folder / f"{name}.remaining.csv"
    for stale in (report, table):
        stale.unlink(missing_ok=True)
    removed = _removed(config.results / name / "leaks.json", name)
    gathered = gather(config, with_benchmark)
    path = config.results / name / "scenes.parquet"
    built = read_scenes(path)
    ingested = {scene.scene_id for scene in gathered.every}
    unknown = next((scene.scene_id for scene in built if scene.scene_id not in ingested), None)
    if unknown is not None:
        raise UserError(f"{path}: {unknown}: not among the ingested scenes; build {name} again")
    remaining = find_remaining(gathered, built)
    if remaining:
        _write(table, remaining)
        first = remaining[0]
        raise UserError(
            f"{path}: {len(remaining)} images must not be in {name}, the first: "
            f"{first.scene_id} ({first.kind}) with {first.other}; all are in {table}; build {name} again"
        )
    result = {
        "set": name,
        "scenes": sha256_file(path),
        "benchmark": gathered.version,
        "benchmark_images": len(gathered.benchmark),
        "tests": gathered.tests,
        "repeated_tests": official_repeats(_tests(built), gathered.drawn, gathered.prints, gathered.same),
        "checked": sum(scene.split != "test" for scene in built),
        "removed": removed,
        "removed_by_kind": dict(sorted(Counter(map(_label, removed)).items())),
        "remaining": 0,
    }
    write_json(report, result)
    return result


def find_remaining(gathered: Gathered, built: Sequence[Scene]) -> list[Remaining]:
    """Return the scenes that should not be in a built set, by rising id.

    Args:
        gathered: all ingested images.
        built: the scenes of the set; what they say of split, group and window counts.
    """
    own = {scene.scene_id: scene for scene in built}
    tests = {scene.scene_id: scene for scene in gathered.every if scene.split == "test"}
    tests |= {name: scene for name, scene in own.items() if scene.split == "test"}
    # a scene that is not in the set can still lead to one that is: it may be the same as a test's neighbour
    training = {scene.scene_id: scene for scene in gathered.every if scene.scene_id not in tests}
    training |= {name: scene for name, scene in own.items() if scene.split != "test"}
    found = [
        Remaining(leak.train, leak.kind, leak.test, leak.distance, leak.via)
        for leak in gathered.leaks_of(list(tests.values()), list(training.values()))
        if leak.train in own and own[leak.train].split != "test"
    ]
    found += [Remaining(name, "cut scene", other, None, None) for name, other in cut_groups(built)]
    found += [
        Remaining(match.scene, f"cut duplicate ({match.kind})", match.other, match.distance, None)
        for match in gathered.cut_images(built)
    ]
    again = drawn_repeats(_tests(built), gathered.drawn, gathered.prints, gathered.same, {})
    found += [
        Remaining(name, f"repeated test ({kind})", other, None, None) for name, (other, kind) in again.items()
    ]
    return sorted(found, key=lambda entry: (entry.scene_id, entry.kind))


def _tests(scenes: Sequence[Scene]) -> list[Scene]:
    return [scene for scene in scenes if scene.split == "test"]


def _removed(path: Path, name: str) -> list[dict[str, Any]]:
    content = read_json(path, f"what the build of {name} removed ('sartext build' writes it)")
    pairs = content.get("pairs") if isinstance(content, dict) else None
    if not isinstance(pairs, list) or not all(isinstance(pair, dict) and "kind" in pair for pair in pairs):
        raise UserError(f"{path}: pairs: expected a list of leaks, each with its kind; build {name} again")
    return pairs


def _label(pair: dict[str, Any]) -> str:
    return f"{pair['kind']}, via another" if "via" in pair else str(pair["kind"])


def _write(path: Path, remaining: Sequence[Remaining]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["scene_id", "kind", "other", "distance", "via"])
        writer.writerows(["" if value is None else value for value in astuple(entry)] for entry in remaining)
