"""The datasheet of a built SAR-TEXT.

It answers the questions of Gebru et al., "Datasheets for Datasets", Communications of the ACM 64(12), 2021.
Every number in it is one of the statistics, of the ingest's summaries or of the leakage audit.
"""

from sartext.core.config import Config, SourceConfig
from sartext.dataset.about.composition import About, composition
from sartext.dataset.about.croissant import CITATION, PAPER
from sartext.dataset.about.licences import is_simulated, licence_of
from sartext.dataset.about.markdown import counted, escape, number, percent, table
from sartext.narrator.words import capital
from sartext.sources.summary import whole_images


def _motivation(about: About) -> list[str]:
    simulated = [source for source in about.sources if is_simulated(about.config, source)]
    real = len(about.sources) - len(simulated)
    kind = f"{counted(real, 'source')} of real images" if real else ""
    if simulated:
        drawn = f"{counted(len(simulated), 'source')} drawn by a simulator in the layouts of the real ones"
        kind = f"{kind} and {drawn}" if kind else drawn
    lines = [
        "## Motivation",
        "",
        "**For what purpose was the data set created?** To train vision-language models on synthetic "
        "aperture radar (SAR) images and to compare them: retrieval, captioning and visual question "
        f"answering. It is built the way of the [paper]({PAPER}) on SAR-TEXT.",
        "",
        f"**Who created it?** SAR-TEXT Bench built it from {kind}. It is not the release of the paper's "
        "authors.",
        "",
        f"**What is the data?** {capital(escape(about.config.data_note))} (profile "
        f"`{about.config.profile}`).",
    ]
    if simulated:
        lines[-1] += " What is simulated tells nothing about real scenes beyond what the simulator models."
    return lines


def _collection(about: About) -> list[str]:
    rows = []
    for source in about.sources:
        summary = about.summaries.get(source.name)
        read, aside = (whole_images(summary), summary["rejected"]) if summary else (None, None)
        part = "a part of it" if source.partial else "the whole folder"
        if is_simulated(about.config, source):
            part = "simulated"
        if source.limit is not None:
            part = f"at most {source.limit:,} a split"
        rows.append(
            (
                escape(source.title),
                escape(source.citation),
                part,
                number(read),
                number(aside),
                number(source.expected_images),
            )
        )
    head = ("source", "from", "read as", "images read", "set aside", "images it should hold")
    return [
        "## Collection process",
        "",
        "**How was the data acquired?** Images and annotations are those of the sources:",
        "",
        *table(head, rows, text_columns=3),
        "",
        "An image is set aside if its file cannot be read, or if it and its annotation do not fit "
        "(`scenes/SOURCE/rejects.csv` names each). When images were taken is not recorded here; the sources' "
        "own papers tell it.",
        "",
        f"**Who wrote the texts?** {_writers(about)}",
    ]


def _writers(about: About) -> str:
    config = about.config
    branches = about.found["by_branch"]
    parts = []
    if "a2c" in branches:
        parts.append(
            f"A2C tells the annotated boxes (rule `{config.narrator.rule}`, wording "
            f"`{config.narrator.wording}`, places `{config.narrator.places}`)."
        )
    if "sa2c" in branches:
        parts.append(
            "SA2C tells the shares of a mask: a class dominates from "
            f"{percent(config.narrator.dominant_share)} on, is large from "
            f"{percent(config.narrator.large_share)} on and is not named below "
            f"{percent(config.narrator.minor_share)} (thresholds of this suite: the paper's are not "
            "published)."
        )
    if "pair" in branches:
        rewriter = config.narrator.rewriter
        model = f" ({escape(rewriter.model)})" if rewriter.model else ""
        parts.append(
            "The pairing branch captions the registered optical image with CoCa, trained on optical "
            f"captions, and has the caption put into SAR wording by the rewriter `{rewriter.name}`{model}. "
            "What a radar does not see may stay in it."
        )
    if "given" in branches:
        parts.append("Captions marked `given` are the source's own.")
    parts.append(
        "Questions and answers follow from annotations by rule. Nothing was written or checked by hand here."
    )
    return " ".join(parts)


def _preprocessing(about: About) -> list[str]:
    config = about.config
    tiled = sum(summary.get("tiled", 0) for summary in about.summaries.values())
    tiles = sum(summary.get("tiles", 0) for summary in about.summaries.values())
    cut = f" ({counted(tiled, 'image')} into {counted(tiles, 'tile')})" if tiled else " (none was)"
    return [
        "## Preprocessing, cleaning, labelling",
        "",
        "**What was done?**",
        "",
        f"- Images above {config.images.max_pixels:,} pixels were cut into tiles that do not overlap{cut}.",
        "- Rasters of more than 8 bits were stretched to 8 (percentiles "
        f"{config.images.stretch_low:g} and {config.images.stretch_high:g} of the whole image).",
        "- Class names were put into one form; captions into one form too, each text once an image; "
        f"empty, damaged and over-long ones (above {config.dataset.max_caption_words} words) were dropped.",
        "- Images with nothing to say were dropped.",
        "- Of training and validation images that show the same, within and across sources, the one with the "
        "richest text stayed "
        f"(perceptual hashes at most {counted(config.dataset.phash_distance, 'bit')} apart, then a "
        "comparison of pixels).",
        f"- {_leaks(about)}",
        "",
        "**Is the raw data kept?** The sources' files are not changed. `dropped.csv` names every image "
        "that was left out, why, and for which other one.",
    ]


def _leaks(about: About) -> str:
    audit = about.audit
    if audit is None:
        return (
            "Images that coincide with a test image were dropped. The leakage audit was not run on this "
            "build."
        )
    kinds = ", ".join(f"{escape(kind)} {number(count)}" for kind, count in audit["removed_by_kind"].items())
    leaking = counted(len(audit["removed"]), "training or validation image")
    dropped = f"{leaking} that showed what a test image shows were dropped ({kinds})."
    if not audit["removed"]:
        dropped = "No training or validation image was found that shows what a test image shows."
    against = f", those of benchmark {audit['benchmark']} among them" if audit["benchmark"] else ""
    return (
        f"{dropped} The leakage audit then checked {counted(audit['checked'], 'image')} against "
        f"{counted(audit['tests'], 'test image')}{against}: {number(audit['remaining'])} left."
    )


def _uses(about: About) -> list[str]:
    whole = about.found["all"]
    limits = [
        f"Template captions repeat: {percent(whole['repeated_share'])} of the captions have a text that "
        "another one has. Retrieval by an image's own captions alone then has a low ceiling; report the "
        "group protocol too.",
        "Captions tell what the annotation tells, no more: what a source does not annotate is not said to be "
        "there, and not said to be absent.",
        "Captions and questions hold the errors of the annotations they follow from.",
        "Sources are of unlike sizes; class and resolution go with the source, so that a model may learn the "
        "source in place of the class.",
    ]
    if "pair" in about.found["by_branch"]:
        limits.append(
            "Captions of the pairing branch tell what a model saw in an optical image, not measured truth."
        )
    if about.config.simulator is not None:
        limits.append("Simulated images do not replace real ones: scores on them do not carry over.")
    return [
        "## Uses",
        "",
        "**What is it for?** Training and comparing retrieval, captioning and question answering on SAR "
        "images, and studying how stage-1 optical training helps.",
        "",
        "**What should it not be used for?** Decisions about real ships, aircraft, vehicles or damage: "
        "nothing was checked for that. Nor anything that a source's terms forbid, such as commercial use: "
        "they hold for the texts too.",
        "",
        "**Which limits are known?**",
        "",
        *(f"- {limit}" for limit in limits),
    ]


def _row_of_terms(config: Config, source: SourceConfig) -> tuple[str, ...]:
    passed_on = source.redistribute
    how = "in a release" if passed_on else escape(source.obtain)
    if is_simulated(config, source):
        how = "drawn again by `sartext simulate`"
    return escape(source.title), escape(licence_of(config, source)), "yes" if passed_on else "no", how


def _distribution(about: About) -> list[str]:
    return [
        "## Distribution",
        "",
        "**Under which terms?** Each source keeps its own. Only images of sources whose terms are known "
        "to allow it go into a release; the rest has to be had from the publisher. Captions and questions "
        "follow from a source's annotations: its terms hold for them too.",
        "",
        *table(
            ("source", "licence or terms", "images passed on", "where to get them"),
            [_row_of_terms(about.config, source) for source in about.sources],
            text_columns=4,
        ),
        "",
        f"**How is it cited?** {escape(CITATION)}; and the sources' own papers, named above.",
    ]


def _maintenance() -> list[str]:
    return [
        "## Maintenance",
        "",
        "**How does it change?** `sartext release` gives a build a version, a digest over its content, "
        "and a list of what was added, removed and changed since the last one. Old versions stay under "
        "their tags. An error is mended in the source's entry or in the suite, never by hand in a table, "
        "and comes out as a new version.",
        "",
        "**How can others add to it?** A source is one file in `config/sources`; `docs/sources.md` tells "
        "how.",
    ]


def datasheet(about: About) -> str:
    """Return the datasheet as Markdown; texts of sources read as they are, whatever signs they hold."""
    sections = [
        [
            f"# Datasheet of SAR-TEXT, profile {about.config.profile}",
            "",
            "Its questions are those of Gebru et al., *Datasheets for Datasets* (2021). Its numbers are "
            "those of `statistics.json` beside it, of the ingest's summaries and of the leakage audit.",
        ],
        _motivation(about),
        composition(about),
        _collection(about),
        _preprocessing(about),
        _uses(about),
        _distribution(about),
        _maintenance(),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"
