"""The datasheet's section on what the data set is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sartext.core.config import Config, SourceConfig
from sartext.core.records import BRANCHES, SPLITS
from sartext.dataset.about.markdown import counted, escape, number, percent, span, table
from sartext.dataset.merge import sources_of

Found = Mapping[str, Any]
_BRANCHES = {
    "a2c": "A2C, from boxes",
    "sa2c": "SA2C, from masks",
    "pair": "pairing, from the optical twin",
    "given": "given by the source",
}
_SHOWN = 15


@dataclass(frozen=True)
class About:
    """What a datasheet is written from.

    Attributes:
        config: the profile.
        found: the content of ``statistics.json``.
        summaries: the ingest's ``summary.json`` by source.
        audit: the leakage audit of SAR-TEXT, if it was run.
    """

    config: Config
    found: Found
    summaries: dict[str, Found] = field(default_factory=dict)
    audit: Found | None = None

    @property
    def sources(self) -> list[SourceConfig]:
        """The sources of SAR-TEXT, in the profile's order."""
        return sources_of(self.config, "sar")


def _instances(found: Found) -> list[str]:
    whole = found["all"]
    rows: list[tuple[str, ...]] = [
        (
            split,
            number(whole["images"][split]),
            number(whole["captions_by_split"][split]),
            number(found["questions"]["by_split"][split]),
        )
        for split in SPLITS
    ]
    total = (number(sum(whole["images"].values())), number(whole["captions"]))
    rows.append(("**all**", *total, number(found["questions"]["questions"])))
    return [
        "**What do the instances represent?** One image of a SAR source each, with one or more English "
        "captions and, where its annotation answers them, questions with answers.",
        "",
        "**How many are there?**",
        "",
        *table(("split", "images", "captions", "questions"), rows),
    ]


def _source_table(about: About) -> list[str]:
    rows = []
    for source in about.sources:
        of = about.found["by_source"].get(source.name)
        if of is None:
            rows.append((escape(source.title), "", *["0"] * 5, number(None), number(None)))
            continue
        branches = about.found["by_source_and_branch"][source.name]
        rows.append(
            (
                escape(source.title),
                ", ".join(branch for branch in BRANCHES if branch in branches),
                *(number(of["images"][split]) for split in SPLITS),
                number(of["captions"]),
                number(of["questions"]["questions"]),
                number(of["mean_words"]),
                span(of["resolution_m"]),
            )
        )
    head = ("source", "branches", *SPLITS, "captions", "questions", "words a caption", "metres a pixel")
    return table(head, rows, text_columns=2)


def _images(found: Found) -> list[str]:
    whole = found["all"]
    total = sum(whole["images"].values())
    known = ", ".join(f"{escape(name)} {number(count)}" for name, count in whole["polarisations"].items())
    return [
        f"**What does each instance consist of?** The image, of {span(whole['width'])} by "
        f"{span(whole['height'])} pixels ({number(float(whole['megapixels']))} megapixels in all), its "
        "captions, questions and answers, and what its source says: boxes, shares of land cover, metres a "
        "pixel, polarisation.",
        "",
        f"**Is anything missing?** Metres a pixel are known for {number(whole['resolution_known'])} of "
        f"{counted(total, 'image')} ({span(whole['resolution_m'])}); images by polarisation: {known}. "
        f"{number(whole['annotated'])} have a whole annotation; questions are asked of those alone. "
        f"{number(whole['with_twin'])} have a registered optical image.",
    ]


def _captions(found: Found) -> list[str]:
    parts = [(_BRANCHES[branch], of) for branch, of in found["by_branch"].items()]
    rows = [
        (
            name,
            number(of["captions"]),
            number(of["mean_words"]),
            number(of["vocabulary"]),
            percent(of["distinct_share"]),
            percent(of["repeated_share"]),
            number(of["distinct_2"], 3),
        )
        for name, of in (*parts, ("**all**", found["all"]))
    ]
    head = ("branch", "captions", "words", "vocabulary", "different", "repeated", "distinct-2")
    return [
        "**How do the captions repeat?** *Different*: different texts to all; *repeated*: captions whose "
        "text another one has too; *distinct-2*: different pairs of words to all.",
        "",
        *table(head, rows),
    ]


def _classes(found: Found) -> list[str]:
    whole = found["all"]
    objects = sorted(whole["objects"].items(), key=lambda entry: (-entry[1], entry[0]))
    lines = []
    if objects:
        lines += [
            "**Which objects are annotated?**"
            + (f" The {_SHOWN} most frequent of {len(objects)} classes:" if len(objects) > _SHOWN else ""),
            "",
            *table(
                ("class", "objects", "images"),
                [
                    (escape(name), number(count), number(whole["images_with"][name]))
                    for name, count in objects[:_SHOWN]
                ],
            ),
            "",
        ]
    if whole["cover"]:
        cover = sorted(whole["cover"].items(), key=lambda entry: (-entry[1]["mean_share"], entry[0]))
        lines += [
            "**Which land cover is annotated?** Shares are means over images with a mask.",
            "",
            *table(
                ("class", "images", "share"),
                [(escape(name), number(of["images"]), percent(of["mean_share"])) for name, of in cover],
            ),
            "",
        ]
    return lines[:-1]


def _answered(tried: Found | None) -> tuple[str, str, str]:
    """Chance, the most frequent answer and a question's text alone: the shares they get right."""
    if tried is None:
        return percent(None), percent(None), percent(None)
    alone = tried["question_only"]
    interval = f"{percent(alone['value'])} [{percent(alone['low'])}, {percent(alone['high'])}]"
    return percent(tried["chance_of_subject"]), percent(tried["majority"]["value"]), interval


def _questions(found: Found) -> list[str]:
    asked = found["questions"]
    if not asked["questions"]:
        return ["**Which questions are asked?** None."]
    baseline = asked["question_only"]
    by_type = baseline["by_type"] if baseline else {}
    rows = [
        (
            kind,
            number(asked["by_type"][kind]),
            number(wordings),
            number(asked["different_answers"][kind]),
            *_answered(by_type.get(kind)),
        )
        for kind, wordings in asked["wordings"].items()
    ]
    rows.append(
        (
            "**all**",
            number(asked["questions"]),
            number(sum(asked["wordings"].values())),
            "",
            *_answered(baseline["all"] if baseline else None),
        )
    )
    head = ("type", "questions", "texts", "answers", "chance", "commonest answer", "question alone")
    lines = ["**Which questions are asked?**", "", *table(head, rows)]
    if baseline:
        lines += [
            "",
            f"The last three columns are shares of the {number(baseline['test'])} questions of "
            f"{baseline['split']} that are answered right without the image: by one of the answers that "
            "questions with the same words have, drawn; by the type's commonest answer; and by a "
            "classifier that has read the training questions (with its 95% interval). What is right "
            "beyond chance can be had without looking.",
        ]
    return lines


def _dropped(found: Found) -> list[str]:
    lines = ["**Does it hold all there is?** No. Left out of it:", ""]
    rows = [("images", reason, count) for reason, count in found["dropped"].items()]
    texts: dict[str, int] = {}
    for reasons in found["dropped_captions"].values():
        for reason, count in reasons.items():
            texts[reason] = texts.get(reason, 0) + count
    rows += [("captions", reason, count) for reason, count in sorted(texts.items())]
    if not rows:
        return ["**Does it hold all there is?** Nothing was left out of what the sources gave."]
    return [
        *lines,
        *table(
            ("what", "why", "how many"),
            [(what, escape(reason), number(count)) for what, reason, count in rows],
            text_columns=2,
        ),
    ]


def _splits(about: About) -> list[str]:
    official = [source for source in about.sources if source.splits]
    drawn = [source for source in about.sources if not source.splits]
    dataset = about.config.dataset
    parts = []
    if official:
        parts.append(f"The official ones of {', '.join(escape(source.title) for source in official)}.")
    if drawn:
        names = ", ".join(escape(source.title) for source in drawn)
        parts.append(
            f"{names}: drawn by seed {about.config.seed}, {percent(dataset.val_share)} val and "
            f"{percent(dataset.test_share)} test."
        )
    parts.append(
        f"Images of one larger scene lie in one drawn split; {number(about.found['all']['groups'])} such "
        "scenes gave several images. An official test image is in no other split, by whichever source."
    )
    return [f"**Which splits are recommended?** {' '.join(parts)}"]


def composition(about: About) -> list[str]:
    """Return the lines of the section."""
    found = about.found
    blocks = [
        _instances(found),
        ["**Where are they from?**", "", *_source_table(about)],
        _dropped(found),
        _images(found),
        _captions(found),
        _classes(found),
        _questions(found),
        _splits(about),
        [
            "**Is it self-contained?** The texts are. Images of sources that may not be passed on have to "
            "be had from their publishers: see [Distribution](#distribution).",
        ],
        [
            "**Does it tell of people?** No person can be made out in a radar image. Where a source "
            "names ships or their radio numbers (OpenSARShip's `Ship.xml`: name, MMSI), neither is read.",
        ],
    ]
    lines = ["## Composition"]
    for block in blocks:
        if block:
            lines += ["", *block]
    return lines
