"""The tables, by their number: each a pure function of a run's files and the profile."""

from collections.abc import Callable

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.report.table import Table
from sartext.report.tables.claims import table_10
from sartext.report.tables.cost import table_11
from sartext.report.tables.dataset import table_02
from sartext.report.tables.fidelity import table_09
from sartext.report.tables.recipes import table_08
from sartext.report.tables.scores import table_04, table_05, table_06, table_07

TABLES: dict[int, Callable[[Config], Table]] = {
    2: table_02,
    4: table_04,
    5: table_05,
    6: table_06,
    7: table_07,
    8: table_08,
    9: table_09,
    10: table_10,
    11: table_11,
}


def make_table(number: int, config: Config) -> Table:
    """Make a table.

    Raises:
        UserError: there is no such table, or a file it reads is not what it should be.
    """
    if number not in TABLES:
        raise UserError(f"no table {number}; expected one of {', '.join(map(str, TABLES))}")
    return TABLES[number](config)
