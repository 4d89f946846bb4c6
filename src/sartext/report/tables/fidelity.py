"""Table 9: what the narrator's captions say, held against what is true, and people's ratings."""

from typing import Any

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.report.inputs import read_optional
from sartext.report.names import BRANCHES
from sartext.report.table import Cell, Column, NotApplicable, NotThere, Number, Row, Table

KINDS: dict[str, str] = {
    "overall": "all facts",
    "class": "classes of objects",
    "count": "counts",
    "place": "places",
    "cover": "land covers",
    "share": "shares of land cover",
}
"""Kinds of fact in a fidelity file, as written in tables."""

FIDELITY_BRANCHES: dict[str, str] = {
    **BRANCHES,
    "optical words": "pair, before rewriting",
    "references": "parser's check",
}
"""Rows of a fidelity file, as written in tables and figures."""

_COLUMNS = (
    Column("what", "Facts", text=True),
    Column("captions", "Captions"),
    Column("precision", "Precision (%)"),
    Column("stated", "stated"),
    Column("recall", "Recall (%)"),
    Column("true", "true"),
)
_RATING = Column("rating", "People's rating (1 to 5)")


def _ratio(score: dict[str, Any]) -> tuple[Cell, int]:
    if score["value"] is None:
        return NotApplicable(), score["n"]
    return (
        Number(score["value"], decimals=1, percent=True, low=score["low"], high=score["high"]),
        score["n"],
    )


def _cells(what: str, row: dict[str, Any], kind: str) -> tuple[Cell, ...]:
    score = row["kinds"][kind]
    return (what, row["captions"], *_ratio(score["precision"]), *_ratio(score["recall"]))


def _rating(rated: dict[str, Any], criterion: str) -> Cell:
    score = rated[criterion]
    if "value" not in score:
        return NotApplicable()
    return Number(score["value"], decimals=2, low=score["low"], high=score["high"])


def _branch_rows(entry: dict[str, Any], rated: bool) -> list[Row]:
    section = f"{FIDELITY_BRANCHES[entry['branch']]}, against {entry['truth']}"
    last: tuple[Cell, ...] = (NotApplicable(),) if rated else ()
    return [
        Row((*_cells(name, entry, kind), *last), section)
        for kind, name in KINDS.items()
        if kind == "overall" or entry["kinds"][kind]["precision"]["n"]
    ]


def _rating_rows(ratings: dict[str, Any]) -> list[Row]:
    """What people said of each branch; of real pairs nothing else is known."""
    blank = (NotApplicable(),) * (len(_COLUMNS) - 2)
    return [
        Row(
            (f"{FIDELITY_BRANCHES[branch]}, {criterion}", rated["items"], *blank, _rating(rated, criterion)),
            "By people",
        )
        for branch, rated in ratings["branches"].items()
        for criterion in ratings["criteria"]
    ]


def _source_rows(config: Config, found: dict[str, Any], rated: bool) -> list[Row]:
    titles = {source.name: source.title for source in config.sources}
    rows = []
    for row in found["rows"]:
        what = f"{titles.get(row['source'], row['source'])}, {FIDELITY_BRANCHES[row['branch']]}"
        last: tuple[Cell, ...] = (NotApplicable(),) if rated else ()
        if row["kinds"] is None:
            blank = (NotApplicable(),) * (len(_COLUMNS) - 2)
            rows.append(Row((f"{what}: {row['reason']}", row["captions"], *blank, *last), "By source"))
        else:
            rows.append(Row((*_cells(what, row, "overall"), *last), "By source"))
    return rows


def _agreement(ratings: dict[str, Any]) -> str:
    said = [
        f"{criterion} {score['value']:.2f}" if "value" in score else f"{criterion}: {score['reason']}"
        for criterion, score in ratings["agreement"].items()
    ]
    return f"Agreement between {len(ratings['raters'])} raters, Krippendorff's alpha: {'; '.join(said)}."


def table_09(config: Config) -> Table:
    """Narrator quality: precision and recall of facts by branch and source, and people's ratings.

    From ``results/P/fidelity.json`` and, where a rating sheet was filled, ``results/P/ratings.json``.

    Raises:
        UserError: the ratings are not what ``sartext narrate ratings summary`` writes.
    """
    found = read_optional(config.results / "fidelity.json")
    path = config.results / "ratings.json"
    try:
        return _table(config, found, read_optional(path))
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: not a summary of ratings ({type(error).__name__}: {error}); "
            "write it by 'sartext narrate ratings summary', or take it away"
        ) from None


def _table(config: Config, found: dict[str, Any] | None, ratings: dict[str, Any] | None) -> Table:
    columns = (*_COLUMNS, _RATING) if ratings else _COLUMNS
    rows: list[Row] = []
    if found is None:
        rows.append(Row(("all facts", *(NotThere() for _ in columns[1:]))))
    else:
        order = list(FIDELITY_BRANCHES)
        for entry in sorted(found["branches"], key=lambda entry: order.index(entry["branch"])):
            rows += _branch_rows(entry, bool(ratings))
        rows += _source_rows(config, found, bool(ratings))
    rows += _rating_rows(ratings) if ratings else []
    notes = [
        "Precision: share of the stated facts that are true. Recall: share of the true facts that "
        "are stated. In brackets: 95% bootstrap interval over images. A parser reads the facts out of each "
        "caption; the parser's check has it read sentences that are true by construction, so what they lack "
        "to 100% precision is the parser's error.",
        "A branch can only state what it is given: A2C knows boxes, SA2C the shares of its mask's classes. "
        "Kinds of fact that it never states are left out of the list, and count in the recall of all facts. "
        "Against annotations, A2C and SA2C are held to what they were written from: 100% says that wording "
        "and parser agree, not that the annotations are right; the figure of damaged annotations tells what "
        "wrong ones cost. Names of one thing (tanker, cargo ship: ship) are one to the parser.",
        _agreement(ratings) if ratings else "No rating sheet was filled in by people.",
    ]
    title = "Narrator quality: captions against the truth"
    return Table(9, title, columns, tuple(rows), config.data_note, tuple(notes))
