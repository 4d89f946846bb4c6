"""A table and its four forms: CSV (unrounded), Markdown, LaTeX (booktabs) and HTML."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape as escape_html
from pathlib import Path

from sartext.core.files import write_text
from sartext.leaderboard.scores import Unavailable
from sartext.leaderboard.standings import Summary
from sartext.report.templates import FOLDER

SUFFIXES = (".csv", ".md", ".tex", ".html")
MISSING = "\N{EN DASH}"


@dataclass(frozen=True)
class Number:
    """A number with its unit of display.

    Attributes:
        value: unrounded, as the files say; a fraction if `percent`.
        decimals: digits shown after the point.
        percent: shown times 100.
        low: lower end of its 95% interval, in the unit of `value`.
        high: upper end.
        deviation: standard deviation across seeds.
        brief: only the value is shown; CSV has the rest all the same.
    """

    value: float
    decimals: int = 1
    percent: bool = False
    low: float | None = None
    high: float | None = None
    deviation: float | None = None
    brief: bool = False

    def _shown(self, value: float) -> str:
        text = f"{value * 100 if self.percent else value:,.{self.decimals}f}"
        return text.lstrip("-") if not any(digit in text for digit in "123456789") else text

    @property
    def main(self) -> str:
        """The value, with the deviation across seeds where there are several."""
        spread = "" if self.deviation is None or self.brief else f" ± {self._shown(self.deviation)}"
        return self._shown(self.value) + spread

    @property
    def interval(self) -> str:
        """The interval in brackets, or nothing."""
        if self.low is None or self.high is None or self.brief:
            return ""
        return f"[{self._shown(self.low)}, {self._shown(self.high)}]"


@dataclass(frozen=True)
class NotThere:
    """A cell whose file is missing."""


@dataclass(frozen=True)
class NotApplicable:
    """A cell that has no meaning, such as the second references of a task that has none."""


Cell = str | int | Number | Unavailable | NotThere | NotApplicable


@dataclass(frozen=True)
class Column:
    """A column: a key for CSV, a title, and the heading it shares with its neighbours, if any."""

    key: str
    title: str
    group: str = ""
    text: bool = False


@dataclass(frozen=True)
class Row:
    """A row; rows with the same section follow one another under its heading."""

    cells: tuple[Cell, ...]
    section: str = ""
    total: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        number: as the paper's; none for a table that the paper does not number.
        title: caption.
        columns: headings.
        rows: as long as `columns` each.
        data_note: what the data is (the profile's).
        notes: sentences below the table.
    """

    number: int | None
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    data_note: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(f"{self.name}: {len(row.cells)} cells for {len(self.columns)} columns")

    @property
    def name(self) -> str:
        """What it is called, such as ``Table 4``."""
        return "Leaderboard" if self.number is None else f"Table {self.number}"

    @property
    def anchor(self) -> str:
        """Its id in a page or paper, such as ``table-04``."""
        return "standings" if self.number is None else f"table-{self.number:02d}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """The different reasons of unavailable cells, in the order they appear."""
        cells = [cell for row in self.rows for cell in row.cells]
        return tuple(dict.fromkeys(cell.reason for cell in cells if isinstance(cell, Unavailable)))

    @property
    def footnotes(self) -> tuple[str, ...]:
        """All that stands below the table: data, notes, what a dash means, reasons."""
        lines = [f"Data: {self.data_note}.", *self.notes]
        if any(isinstance(cell, NotThere) for row in self.rows for cell in row.cells):
            lines.append(f"{MISSING} the file it comes from is missing (not run).")
        lines.extend(f"({_letter(index)}) unavailable: {reason}" for index, reason in enumerate(self.reasons))
        return tuple(lines)

    def mark(self, cell: Unavailable) -> str:
        """The footnote letter of an unavailable cell."""
        return _letter(self.reasons.index(cell.reason))


def measure(summary: Summary | Unavailable | None, percent: bool, brief: bool = False) -> Cell:
    """Make a cell from a metric's summary over seeds.

    Args:
        summary: from `sartext.leaderboard.standings.summarise`.
        percent: whether the value is a fraction to be shown in percent.
        brief: whether only the value is shown.
    """
    if summary is None:
        return NotThere()
    if isinstance(summary, Unavailable):
        return summary
    decimals = 1 if percent else 3
    return Number(summary.value, decimals, percent, summary.low, summary.high, summary.deviation, brief)


def _letter(index: int) -> str:
    # a, b, ..., z, aa, ab, ...
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def _plain(cell: Cell) -> str:
    if isinstance(cell, NotThere):
        return MISSING
    if isinstance(cell, NotApplicable):
        return ""
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _csv_text(text: str) -> str:
    # a spreadsheet runs a cell that starts so as a formula
    return "'" + text if re.match(r"[=@\t\r]|[+-](?![\d.])", text) else text


_CSV_PARTS = ("low", "high", "deviation")


def to_csv(table: Table) -> str:
    """Return the table as CSV: unrounded values in the units of the score files, in columns of their own."""
    sections = any(row.section for row in table.rows)
    parts = [
        (
            index,
            [
                p
                for p in _CSV_PARTS
                if any(getattr(row.cells[index], p, None) is not None for row in table.rows)
            ],
        )
        for index in range(len(table.columns))
    ]
    head = ["section"] if sections else []
    for index, extra in parts:
        key = table.columns[index].key
        head += [key, *(f"{key}_{part}" for part in extra)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*head, "data_note"])
    for row in table.rows:
        cells = [_csv_text(row.section)] if sections else []
        for index, extra in parts:
            cells.append(_csv_cell(row.cells[index]))
            cells += [_part(row.cells[index], part) for part in extra]
        writer.writerow([*cells, _csv_text(table.data_note)])
    return stream.getvalue()


def _csv_cell(cell: Cell) -> str:
    if isinstance(cell, Number):
        return repr(cell.value)
    if isinstance(cell, Unavailable):
        return "unavailable"
    if isinstance(cell, NotThere):
        return "missing"
    if isinstance(cell, NotApplicable):
        return ""
    return _csv_text(str(cell))


def _part(cell: Cell, part: str) -> str:
    value = getattr(cell, part, None)
    return "" if value is None else repr(value)


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, inside a table cell."""
    text = " ".join(text.split())
    text = re.sub(r"([\\`*_\[\]|~])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def to_markdown(table: Table) -> str:
    """Return the table as GitHub-flavoured Markdown."""

    def shown(cell: Cell) -> str:
        if isinstance(cell, Number):
            return f"{cell.main} {cell.interval}".strip()
        if isinstance(cell, Unavailable):
            return f"n/a ({table.mark(cell)})"
        return escape_markdown(_plain(cell))

    titles = [
        escape_markdown(f"{column.group}: {column.title}" if column.group else column.title)
        for column in table.columns
    ]
    lines = [
        f"**{table.name}.** {escape_markdown(table.title)}",
        "",
        "| " + " | ".join(titles) + " |",
        "|" + "|".join(" --- " if column.text else " ---: " for column in table.columns) + "|",
    ]
    section = ""
    for row in table.rows:
        if row.section != section:
            section = row.section
            lines.append(f"| **{escape_markdown(section)}** |" + " |" * (len(table.columns) - 1))
        lines.append("| " + " | ".join(shown(cell) for cell in row.cells) + " |")
    return "\n".join([*lines, "", *(f"{escape_markdown(note)}  " for note in table.footnotes)]) + "\n"


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "→": r"$\rightarrow$",
    "\N{EN DASH}": "--",
    "\N{MINUS SIGN}": "$-$",
}


def escape_latex(text: str) -> str:
    """Return text that LaTeX sets as it is."""
    return "".join(_LATEX.get(letter, letter) for letter in " ".join(text.split()))


def _latex_head(columns: Sequence[Column]) -> list[str]:
    groups, rules, position = [], [], 1
    for group, members in _grouped(columns):
        groups.append(
            rf"\multicolumn{{{len(members)}}}{{c}}{{{escape_latex(group)}}}"
            if group
            else "& " * (len(members) - 1)
        )
        if group:
            rules.append(rf"\cmidrule(lr){{{position}-{position + len(members) - 1}}}")
        position += len(members)
    head = [" & ".join(entry.strip() for entry in groups) + r" \\", " ".join(rules)] if rules else []
    return [*head, " & ".join(escape_latex(column.title) for column in columns) + r" \\"]


def _grouped(columns: Sequence[Column]) -> list[tuple[str, list[Column]]]:
    """Neighbours with the same heading, together."""
    groups: list[tuple[str, list[Column]]] = []
    for column in columns:
        if groups and groups[-1][0] == column.group:
            groups[-1][1].append(column)
        else:
            groups.append((column.group, [column]))
    return groups


def to_latex(table: Table) -> str:
    """Return the table for LaTeX with the packages booktabs and graphicx."""

    def shown(cell: Cell) -> str:
        if isinstance(cell, Number):
            interval = rf" {{\scriptsize {escape_latex(cell.interval)}}}" if cell.interval else ""
            return escape_latex(cell.main) + interval
        if isinstance(cell, Unavailable):
            return rf"n/a\textsuperscript{{{table.mark(cell)}}}"
        return escape_latex(_plain(cell))

    shape = "".join("l" if column.text else "r" for column in table.columns)
    lines = [
        r"% needs \usepackage{booktabs,graphicx}",
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{escape_latex(table.title)}}}",
        rf"\label{{{table.anchor}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{shape}}}",
        r"\toprule",
        *_latex_head(table.columns),
        r"\midrule",
    ]
    section = ""
    for index, row in enumerate(table.rows):
        if row.section != section:
            section = row.section
            if index:
                lines.append(r"\addlinespace")
            lines.append(
                rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\textit{{{escape_latex(section)}}}}} \\"
            )
        if row.total:
            lines.append(r"\midrule")
        lines.append(" & ".join(shown(cell) for cell in row.cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}}", r"\par\smallskip\footnotesize\raggedright"]
    lines += [escape_latex(note) + r"\par" for note in table.footnotes]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _html_head(columns: Sequence[Column], classes: Sequence[str]) -> str:
    groups = _grouped(columns)
    titles = "".join(
        f'<th scope="col"{kind}>{escape_html(column.title)}</th>'
        for column, kind in zip(columns, classes, strict=True)
    )
    if not any(group for group, _ in groups):
        return f"<tr>{titles}</tr>"
    heads = "".join(
        f'<th scope="colgroup" class="group" colspan="{len(members)}">{escape_html(group)}</th>'
        if group
        else f'<td colspan="{len(members)}"></td>'
        for group, members in groups
    )
    return f"<tr>{heads}</tr>\n<tr>{titles}</tr>"


_LONG = 28  # letters; longer texts may wrap


def _classes(table: Table) -> list[str]:
    """The class attribute of each column's cells."""
    classes = []
    for index, column in enumerate(table.columns):
        longest = max((len(str(row.cells[index])) for row in table.rows), default=0)
        classes.append(
            "" if not column.text else ' class="text long"' if longest > _LONG else ' class="text"'
        )
    return classes


def html_fragment(table: Table) -> str:
    """Return the table as an HTML ``figure`` element, everything from outside escaped."""

    def shown(cell: Cell) -> str:
        if isinstance(cell, Number):
            interval = f"<small>{escape_html(cell.interval)}</small>" if cell.interval else ""
            return f"{escape_html(cell.main)}{interval}"
        if isinstance(cell, Unavailable):
            return f"n/a<sup>{table.mark(cell)}</sup>"
        return escape_html(_plain(cell))

    classes = _classes(table)
    body, section = [], ""
    for row in table.rows:
        if row.section != section:
            section = row.section
            body.append(
                f'<tr class="section"><th scope="rowgroup" colspan="{len(table.columns)}">'
                f"{escape_html(section)}</th></tr>"
            )
        cells = "".join(
            f"<td{kind}>{shown(cell)}</td>" for kind, cell in zip(classes, row.cells, strict=True)
        )
        body.append(f'<tr class="total">{cells}</tr>' if row.total else f"<tr>{cells}</tr>")
    notes = "".join(f"<p>{escape_html(note)}</p>" for note in table.footnotes)
    return (
        f'<figure class="table" id="{table.anchor}">\n'
        f"<figcaption><b>{table.name}.</b> {escape_html(table.title)}</figcaption>\n"
        f'<div class="scroll"><table>\n<thead>\n{_html_head(table.columns, classes)}\n</thead>\n<tbody>\n'
        + "\n".join(body)
        + f'\n</tbody>\n</table></div>\n<div class="notes">{notes}</div>\n</figure>'
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body class="single">
{body}
</body>
</html>
"""


def to_html(table: Table) -> str:
    """Return the table as a page of its own that needs no other file."""
    style = (FOLDER / "style.css").read_text(encoding="utf-8")
    title = escape_html(f"{table.name}. {table.title}")
    return _PAGE.format(title=title, style=style, body=html_fragment(table))


_WRITERS: dict[str, Callable[[Table], str]] = {
    ".csv": to_csv,
    ".md": to_markdown,
    ".tex": to_latex,
    ".html": to_html,
}


def render(table: Table, suffix: str) -> str:
    """Return the table in the form of a file suffix, one of `SUFFIXES`."""
    return _WRITERS[suffix](table)


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write ``table_NN`` in all four forms to `folder` and return the paths."""
    paths = [folder / f"table_{table.number:02d}{suffix}" for suffix in SUFFIXES]
    for path in paths:
        write_text(path, render(table, path.suffix))
    return paths
