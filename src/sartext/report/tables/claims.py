"""Table 10: the paper's claims beside ours."""

from collections import Counter

from sartext.core.config import Config
from sartext.core.tables import read_scenes
from sartext.report.claims import VERDICTS, Claim, Judged, judge, load_claims
from sartext.report.inputs import load_scores
from sartext.report.names import metric_name
from sartext.report.table import Cell, Column, NotApplicable, Number, Row, Table

_COLUMNS = (
    Column("claim", "Claim", text=True),
    Column("version", "Said in", text=True),
    Column("paper", "Paper"),
    Column("better", "Ours"),
    Column("worse", "Against"),
    Column("gain", "Difference"),
    Column("ratio", "Ratio"),
    Column("verdict", "Verdict", text=True),
    Column("reason", "Why", text=True),
    Column("rule", "Rule", text=True),
)


def judged_claims(config: Config) -> list[Judged]:
    """Every committed claim with its verdict on a run."""
    scenes = config.results / "sartext" / "scenes.parquet"
    images = len(read_scenes(scenes)) if scenes.is_file() else None
    scores = load_scores(config)
    return [judge(claim, scores, images, config) for claim in load_claims()]


def _paper(claim: Claim) -> Cell:
    if claim.value is None:
        return "better"
    if claim.kind == "count":
        return f"{claim.value:,.0f}"
    if claim.kind == "ratio":
        return f"{claim.value:g} times"
    return f"+{claim.value * 100:.2f}" if metric_name(str(claim.metric)).percent else f"+{claim.value:g}"


def _row(judged: Judged) -> Row:
    claim = judged.claim
    percent = metric_name(str(claim.metric)).percent
    decimals = 0 if claim.kind == "count" else 1 if percent else 3

    def number(value: float | None) -> Cell:
        return NotApplicable() if value is None else Number(value, decimals, percent)

    difference: Cell = NotApplicable()
    if judged.gain is not None:
        difference = Number(judged.gain.value, decimals, percent, low=judged.gain.low, high=judged.gain.high)
    ratio: Cell = NotApplicable()
    if claim.kind == "ratio" and judged.ratio is not None:
        ratio = Number(judged.ratio, 2)
    return Row(
        (
            claim.claim + (" (inferred)" if claim.stated == "inferred" else ""),
            claim.version,
            _paper(claim),
            number(judged.better),
            number(judged.worse),
            difference,
            ratio,
            judged.verdict,
            judged.reason,
            claim.rule,
        )
    )


def _counted(found: list[Judged], control: bool) -> str:
    counts = Counter(judged.verdict for judged in found if (judged.claim.stated == "control") == control)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)


def table_10(config: Config) -> Table:
    """The paper's claims, our values, and a verdict by the rule beside each (``config/claims.yaml``)."""
    found = judged_claims(config)
    notes = [
        f"Verdicts on the paper's claims: {_counted(found, control=False)}; on controls of ours: "
        f"{_counted(found, control=True)}.",
        "Mean recall and accuracy in percent, differences in points; the others as in table 6. "
        "In brackets: 95% interval of the difference, by a paired bootstrap on the same test images, as in "
        "table 8; it says what other test images would change, not another training seed. Each verdict "
        "stands alone; table 8 corrects for the number of comparisons.",
        "Claims marked inferred were not read in the paper.",
    ]
    if config.simulator is not None:
        notes.insert(0, "These results are from simulated sources: they support a direction at most.")
    rows = tuple(_row(judged) for judged in found)
    return Table(10, "The paper's claims beside ours", _COLUMNS, rows, config.data_note, tuple(notes))
