"""Table 2: the sources of SAR-TEXT."""

from collections import Counter, defaultdict

from sartext.core.config import Config
from sartext.core.records import BRANCHES, SPLITS
from sartext.core.tables import read_captions, read_scenes
from sartext.report.names import BRANCHES as BRANCH_NAMES
from sartext.report.table import Cell, Column, NotApplicable, NotThere, Number, Row, Table

_COLUMNS = (
    Column("source", "Source", text=True),
    Column("licence", "Licence", text=True),
    *(Column(split, split, group="Images") for split in SPLITS),
    Column("images", "all", group="Images"),
    Column("branch", "Branch", text=True),
    Column("captions", "Captions"),
    Column("mean_length", "Words a caption"),
)


def table_02(config: Config) -> Table:
    """Sources of SAR-TEXT: licence, images by split, branch, captions and their mean length in words.

    Counts are those of ``results/P/sartext``, after cleaning. A narrated source that gave nothing is a row of
    zeros.
    """
    folder = config.results / "sartext"
    sources = [source for source in config.sources if source.branches]
    built = (folder / "scenes.parquet").is_file() and (folder / "captions.parquet").is_file()
    images: Counter[tuple[str, str]] = Counter()
    captions: Counter[str] = Counter()
    words: Counter[str] = Counter()
    branches: dict[str, set[str]] = defaultdict(set)
    if built:
        scenes = read_scenes(folder / "scenes.parquet")
        images.update((scene.source, scene.split) for scene in scenes)
        source_of = {scene.scene_id: scene.source for scene in scenes}
        for caption in read_captions(folder / "captions.parquet"):
            name = source_of.get(caption.scene_id, "")
            captions[name] += 1
            words[name] += len(caption.caption.split())
            branches[name].add(caption.branch)

    def row(title: str, licence: Cell, names: list[str], branch: str) -> Row:
        counts = [sum(images[name, split] for name in names) for split in SPLITS]
        texts = sum(captions[name] for name in names)
        mean: Cell = (
            Number(sum(words[name] for name in names) / texts, decimals=1) if texts else NotApplicable()
        )
        cells: list[Cell] = [*counts, sum(counts)]
        if not built:
            cells, mean = [NotThere()] * 4, NotThere()
        return Row(
            (title, licence, *cells, branch, texts if built else NotThere(), mean), total=len(names) != 1
        )

    rows = []
    for source in sources:
        found = branches[source.name] or set(source.branches)
        named = ", ".join(BRANCH_NAMES[branch] for branch in BRANCHES if branch in found)
        rows.append(row(source.title, source.licence, [source.name], named))
    if len(sources) > 1:
        rows.append(row("SAR-TEXT", NotApplicable(), [source.name for source in sources], ""))
    notes = ["Licences are those of the real sources."]
    if config.simulator is not None:
        notes[0] += " The images counted here are simulated in their layouts and free of those terms."
    return Table(2, "Sources of SAR-TEXT", _COLUMNS, tuple(rows), config.data_note, tuple(notes))
