"""The leaderboard as tables, for the page and for files."""

from collections.abc import Sequence

from sartext.leaderboard.scores import Score, Unavailable
from sartext.leaderboard.standings import Board, boards
from sartext.report.names import RECIPES, TASKS, metric_name
from sartext.report.table import Cell, Column, NotApplicable, Row, Table, measure


def _rows(board: Board, section: str) -> list[Row]:
    percent = metric_name(board.metric).percent
    rows = []
    for standing in board.standings:
        value: Cell
        seeds: Cell = NotApplicable()
        if standing.summary is None:
            value = Unavailable(status="unavailable", reason=standing.reason or "not scored")
        else:
            value = measure(standing.summary, percent)
            seeds = ", ".join(map(str, standing.summary.seeds))
        rank: Cell = NotApplicable() if standing.rank is None else standing.rank
        recipe = RECIPES.get(standing.recipe, standing.recipe)
        rows.append(Row((rank, standing.model_title, recipe, value, seeds), section))
    return rows


def board_table(scores: Sequence[Score]) -> Table:
    """Return the standings of every task as one table.

    Args:
        scores: at least one, of one profile (`sartext.leaderboard.scores.check_board`).
    """
    columns = (
        Column("rank", "Rank"),
        Column("model", "Model", text=True),
        Column("recipe", "Recipe", text=True),
        Column("value", "Main metric"),
        Column("seeds", "Seeds", text=True),
    )
    rows: list[Row] = []
    benchmarks = {}
    for board in boards(scores):
        name = metric_name(board.metric)
        unit = f"{name.title} (%)" if name.percent else name.title
        rows += _rows(board, f"{TASKS.get(board.task, board.task)}: {unit}")
        benchmarks[board.benchmark_version] = board.benchmark_digest
    versions = ", ".join(f"{version} ({digest[:12]})" for version, digest in sorted(benchmarks.items()))
    notes = (
        f"Profile {scores[0].profile}; benchmark {versions}. Higher is better; equal values share a rank.",
        "In brackets: 95% interval over test images; ± is the standard deviation across seeds. Entries whose "
        "intervals overlap may well be in another order on other images.",
    )
    return Table(
        None, "Standings by each task's main metric", columns, tuple(rows), scores[0].data_note, notes
    )
