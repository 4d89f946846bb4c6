"""What is said of each scene: by the narrator's branches, and by the source itself."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sartext.core.config import Config, SourceConfig
from sartext.core.errors import UserError
from sartext.core.records import BRANCHES, Caption, Modality, Scene
from sartext.core.tables import read_captions
from sartext.dataset.text import checked_caption

_GIVING = ("karpathy", "nwpu", "csv", "dialogues", "rsvqa")


@dataclass
class Said:
    """Captions of a source's scenes.

    Attributes:
        captions: cleaned captions by scene id, each text once a scene.
        dropped: captions left out by reason; ``repeated``: a text that the scene has already.
    """

    captions: dict[str, list[Caption]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)

    def record(self) -> dict[str, object]:
        """Return its counts as an entry of ``texts.json``."""
        kept = sum(len(said) for said in self.captions.values())
        return {"kept": kept, "dropped": dict(sorted(self.dropped.items()))}


def sources_of(config: Config, modality: Modality) -> list[SourceConfig]:
    """Return the sources of a stage: optical ones for 1; for 2 SAR ones that are narrated or give texts."""
    return [
        source
        for source in config.sources
        if source.modality == modality
        and (modality == "optical" or source.branches or source.format in _GIVING)
    ]


def _clean(captions: Iterable[Caption], most_words: int) -> Said:
    said = Said()
    for record in captions:
        text, fault = checked_caption(record.caption, most_words)
        known = said.captions.setdefault(record.scene_id, [])
        if fault is None and any(text == other.caption for other in known):
            fault = "repeated"
        if fault is None:
            known.append(Caption(record.scene_id, record.branch, text))
        else:
            said.dropped[fault] += 1
    return said


def _given(scenes: Iterable[Scene]) -> Iterator[Caption]:
    for scene in scenes:
        for text in scene.captions:
            yield Caption(scene.scene_id, "given", text)


def _narrated(config: Config, source: SourceConfig, known: set[str]) -> Iterator[Caption]:
    for branch in sorted(source.branches, key=BRANCHES.index):
        path = config.results / "captions" / f"{source.name}.{branch}.parquet"
        for record in read_captions(path):
            if record.scene_id not in known:
                raise UserError(f"{path}: {record.scene_id}: no such scene; narrate {source.name} again")
            yield record


def captions_of(config: Config, source: SourceConfig, scenes: Sequence[Scene]) -> Said:
    """Return what is said of a source's scenes: the narrator's captions by branch, then the source's own.

    Args:
        config: the profile.
        source: the source.
        scenes: all its ingested scenes.

    Raises:
        UserError: a branch was not narrated, or captions are of scenes that are not there.
    """
    known = {scene.scene_id for scene in scenes}
    narrated = list(_narrated(config, source, known))
    return _clean([*narrated, *_given(scenes)], config.dataset.max_caption_words)
