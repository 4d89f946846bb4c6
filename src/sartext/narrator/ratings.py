"""Captions rated by people: blind, shuffled sheets, and what the filled sheets say.

Every rater judges the same captions, each in an order of their own. A sheet shows neither the branch nor the
file that a caption comes from, nor the image's own name; the key, kept apart, tells them.
"""

import csv
import html
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sartext.core.config import ImagesConfig
from sartext.core.errors import UserError
from sartext.core.files import atomic_folder, digest_json, sha256_file, write_json
from sartext.core.seeds import generator
from sartext.narrator.folders import require_out
from sartext.sources import DecodeError, decode_image

CRITERIA = ("correctness", "completeness", "fluency")
LOWEST, HIGHEST = 1, 5
_SHEET = ("id", "image", "caption", *CRITERIA, "comment")
_KEY = ("id", "image", "filepath", "branch", "captions", "caption", "sha256")
_IMAGES = ImagesConfig(size=1, max_rejected_share=1.0)
# what a spreadsheet takes for a formula: at the start of a cell, or after a semicolon, which starts a cell
# where a comma is the decimal mark
_FORMULA = re.compile(r"(^|;\s*)(?=[=+\-@])")
_RATING = re.compile(r"([1-5])(?:[.,]0+)?")
_GUIDE = """\
Please rate every caption by its image, from 1 (worst) to 5 (best),
in the columns of your csv sheet:

correctness   Does the image show what the caption says: things,
              numbers, places? 5: all of it; 1: nothing of it.
completeness  Does the caption name what matters in the image?
              5: all that matters; 1: nothing of it.
fluency       Is it good English, whatever it says?
              5: as a careful writer would; 1: not to be understood.

The html page of your sheet's name shows the images with their captions,
in the order of the sheet. Leave a row empty if you cannot judge it. A
comment is welcome and not needed. Please do not change the column id, do
not add or take out rows, and do not talk about the captions with other
raters before all are done. Save as csv.
"""


@dataclass(frozen=True, slots=True)
class _Said:
    """One row of a captions file."""

    captions: str
    filepath: str
    branch: str
    caption: str


@dataclass(frozen=True, slots=True)
class _Item:
    """One caption to rate; `image` is its file's name in the sheets' folder, `sha256` that file's digest."""

    said: _Said
    image: str
    sha256: str


# Making the sheets ---------------------------------------------------------------------------------------


def make_sheets(
    captions: Sequence[Path],
    out: Path,
    images: Sequence[Path] = (),
    count: int = 100,
    seed: int = 0,
    raters: int = 3,
) -> str:
    """Draw captions and write a folder of sheets for people.

    Each captions file and branch gives as many captions as any other, as far as it has them; images are not
    repeated within one before each was drawn once.

    Args:
        captions: csv files with the columns ``filepath`` and ``caption``, and ``branch`` if they have it.
        out: the folder to make: ``key.csv``, which tells what is what, and ``for-raters`` to be sent, with
            ``rater-N.csv``, ``rater-N.html``, ``README.txt`` and ``images`` (8-bit PNG).
        images: folders where a ``filepath`` that does not open from here is looked up, by its path and by its
            name.
        count: most captions to draw.
        seed: of the draw and of the orders.
        raters: how many sheets.

    Returns:
        What was made, in one line.

    Raises:
        UserError: a captions file is not what it should be, `out` holds something, or no image opens.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: already there; expected a new folder (filled sheets are not overwritten)")
    for folder in images:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; expected the folder of the images")
    said = [entry for path in captions for entry in _read_captions(path)]
    with atomic_folder(out) as temporary:
        folder = temporary / "for-raters"
        (folder / "images").mkdir(parents=True)
        items, closed = _draw(said, images, folder / "images", count, seed)
        key = [_key_row(entry) for entry in items]
        ids = _ids(key)
        _write_csv(temporary / "key.csv", _KEY, [(name, *row) for name, row in zip(ids, key, strict=True)])
        rows = [(name, entry.image, entry.said.caption) for name, entry in zip(ids, items, strict=True)]
        for rater in range(1, raters + 1):
            order = generator("ratings", seed, "rater", rater).permutation(len(rows))
            shuffled = [rows[position] for position in order]
            _write_csv(folder / f"rater-{rater}.csv", _SHEET, [(*row, "", "", "", "") for row in shuffled])
            (folder / f"rater-{rater}.html").write_text(_page(rater, shuffled), encoding="utf-8")
        (folder / "README.txt").write_text(_GUIDE, encoding="utf-8", newline="\r\n")
    branches = sorted({entry.said.branch for entry in items})
    text = f"{len(items)} captions of {', '.join(branches)} for {raters} raters in {out / 'for-raters'}"
    text += f"; keep {out / 'key.csv'} to yourself"
    return text + (f"; {len(closed)} images do not open, the first: {closed[0]}" if closed else "")


def _read_captions(path: Path) -> Iterator[_Said]:
    expected = "a captions file: csv, UTF-8, with the columns filepath and caption (and branch)"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; expected {expected}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; expected {expected}") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for column in ("filepath", "caption"):
            if column not in (reader.fieldnames or ()):
                raise UserError(f"{path}: line 1: no column {column!r}; expected {expected}")
        for row in reader:
            if row["filepath"] is None or row["caption"] is None:
                raise UserError(f"{path}: line {reader.line_num}: too few columns; expected {expected}")
            caption = " ".join(row["caption"].split())
            if caption:
                yield _Said(path.as_posix(), row["filepath"], row.get("branch") or "given", caption)
    except csv.Error as error:
        raise UserError(f"{path}: after line {reader.line_num}: {error}; expected {expected}") from None


def _candidates(said: Iterable[_Said], seed: int) -> list[_Said]:
    """The captions of one file and branch, shuffled, the first of every image before any second."""
    entries = sorted(set(said), key=lambda entry: (entry.filepath, entry.caption))
    draws = generator("ratings", seed, "draw", entries[0].captions, entries[0].branch)
    seen: dict[str, int] = {}
    turns: list[tuple[int, int, _Said]] = []
    for position in draws.permutation(len(entries)):
        entry = entries[position]
        turns.append((seen.get(entry.filepath, 0), len(turns), entry))
        seen[entry.filepath] = seen.get(entry.filepath, 0) + 1
    return [entry for _, _, entry in sorted(turns, key=lambda turn: turn[:2])]


def _draw(
    said: Sequence[_Said], folders: Sequence[Path], out: Path, count: int, seed: int
) -> tuple[list[_Item], list[str]]:
    """Draw up to `count` captions, shuffled, write their images, and tell the images that do not open."""
    groups: dict[tuple[str, str], list[_Said]] = {}
    for entry in said:
        groups.setdefault((entry.captions, entry.branch), []).append(entry)
    waiting = [_candidates(group, seed)[::-1] for _, group in sorted(groups.items())]
    chosen: list[_Said] = []
    drafts: dict[str, Path | None] = {}
    while waiting and len(chosen) < count:
        # the groups in turn, while they have any left; an image that does not open uses up no turn
        group = waiting.pop(0)
        entry = group.pop()
        if entry.filepath not in drafts:
            drafts[entry.filepath] = _copy(entry.filepath, folders, out / f"draft-{len(drafts)}.png")
        opened = drafts[entry.filepath] is not None
        if opened:
            chosen.append(entry)
        if group:
            waiting.insert(len(waiting) if opened else 0, group)
    closed = [name for name, draft in drafts.items() if draft is None]
    if not chosen:
        why = f"no image opens, the first: {closed[0]}" if closed else "the files hold none"
        raise UserError(
            f"no caption to rate: {why}; "
            "expected captions of images that open from here, or give their folder by --images"
        )
    order = generator("ratings", seed, "items").permutation(len(chosen))
    return _named([chosen[position] for position in order], drafts, seed), closed


def _named(chosen: Sequence[_Said], drafts: Mapping[str, Path | None], seed: int) -> list[_Item]:
    """Give the drafts of images names in an order that says nothing of where they come from."""
    used = list(dict.fromkeys(entry.filepath for entry in chosen))
    order = generator("ratings", seed, "images").permutation(len(used))
    named: dict[str, tuple[str, str]] = {}
    for number, position in enumerate(order, 1):
        draft = cast(Path, drafts[used[position]])
        path = draft.replace(draft.with_name(f"image-{number:03}.png"))
        named[used[position]] = (f"images/{path.name}", sha256_file(path))
    return [_Item(entry, *named[entry.filepath]) for entry in chosen]


def _copy(filepath: str, folders: Sequence[Path], to: Path) -> Path | None:
    """Write an image as 8-bit grey PNG, or return None where none of the places holds one that opens."""
    places = [Path(filepath), *(folder / filepath for folder in folders)]
    places += [folder / Path(filepath).name for folder in folders]
    for place in places:
        try:
            pixels = decode_image(place, _IMAGES, "sar")
        except (DecodeError, OSError, ValueError):
            continue
        Image.fromarray(pixels[..., 0]).save(to, format="PNG")
        return to
    return None


def _key_row(item: _Item) -> tuple[str, ...]:
    """One row of the key without its id, as it is written."""
    said = item.said
    row = (item.image, said.filepath, said.branch, said.captions, said.caption, item.sha256)
    return tuple(safe_cell(cell) for cell in row)


def _ids(key: Sequence[tuple[str, ...]]) -> list[str]:
    """The ids of a key's rows. They begin with its digest: sheets of another round are told by it."""
    digest = digest_json([list(row) for row in key])
    return [f"r{digest[:8]}-{number:03}" for number in range(1, len(key) + 1)]


def safe_cell(text: str) -> str:
    """Return `text` so that no spreadsheet takes it, or a part of it, for a formula: an apostrophe before it.

    Source: OWASP, "CSV Injection", https://owasp.org/www-community/attacks/CSV_Injection.
    """
    return _FORMULA.sub(r"\1'", " ".join(text.split()))


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    # with a byte order mark, or Excel takes UTF-8 for an older code; quoted, for captions with semicolons
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows([safe_cell(cell) for cell in row] for row in rows)


def _page(rater: int, rows: Sequence[tuple[str, str, str]]) -> str:
    figures = "\n".join(
        f'<figure id="{html.escape(identity)}"><img src="{html.escape(image)}" alt="" loading="lazy">'
        f"<figcaption><b>{html.escape(identity)}</b> {html.escape(caption)}</figcaption></figure>"
        for identity, image, caption in rows
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Captions to rate, sheet {rater}</title><style>
body {{ font: 16px/1.5 sans-serif; max-width: 50rem; margin: auto; padding: 1rem }}
pre {{ white-space: pre-wrap }} figure {{ margin: 2rem 0 }} img {{ max-width: 100%; min-width: 256px }}
</style></head><body><h1>Captions to rate, sheet {rater}</h1>
<pre>{html.escape(_GUIDE)}</pre>
{figures}
</body></html>
"""


# Reading them back ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Keyed:
    """What the key says of one id."""

    branch: str
    captions: str


Ratings = dict[str, dict[str, int]]
"""Ratings of one sheet: id to criterion to 1..5; what was left empty is not in it."""


def _decoded(path: Path, expected: str) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}; expected {expected}") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")  # Excel's "Unicode text"
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # an older Excel writes Windows' Western code; only comments and captions can differ
        return data.decode("cp1252", errors="replace")


def _table(
    path: Path, columns: Sequence[str], needed: Sequence[str], expected: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line, cells by column) of a csv with commas, semicolons or tabs; empty rows are skipped.

    Raises:
        UserError: a column is missing, unknown or given twice, or a row has more cells than columns.
    """
    text = _decoded(path, expected)
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = [name.strip().casefold() for name in next(reader, [])]
        for name in names:
            if name and name not in columns:
                raise UserError(f"{path}: line 1: unknown column {name!r:.60}; expected {', '.join(columns)}")
            if name and names.count(name) > 1:
                raise UserError(f"{path}: line 1: column {name!r} is given twice; expected it once")
        for name in needed:
            if name not in names:
                raise UserError(f"{path}: line 1: no column {name!r}; expected {expected}")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            loose = [cell for name, cell in zip(names, cells, strict=False) if not name] + cells[len(names) :]
            if any(cell.strip() for cell in loose):
                raise UserError(
                    f"{path}: line {reader.line_num}: more cells than the {len(columns)} columns "
                    f"({loose[0]!r:.40}); expected a caption with commas to stand in quotes"
                )
            found = dict.fromkeys(columns, "") | dict(zip(names, cells, strict=False))
            yield reader.line_num, found
    except csv.Error as error:
        raise UserError(f"{path}: after line {reader.line_num}: {error}; expected {expected}") from None


def _read_key(path: Path) -> dict[str, _Keyed]:
    """Read the key: what each id is."""
    expected = "the key.csv that `sartext narrate ratings make` wrote"
    rows = [row for _, row in _table(path, _KEY, _KEY, expected)]
    if not rows:
        raise UserError(f"{path}: holds no row; expected {expected}")
    ids = _ids([tuple(row[name] for name in _KEY[1:]) for row in rows])
    if ids != [row["id"] for row in rows]:
        raise UserError(
            f"{path}: changed since it was made (the digest of its rows is not the one in its ids); "
            f"expected {expected}"
        )
    return {row["id"]: _Keyed(row["branch"], row["captions"]) for row in rows}


def _rating(path: Path, line: int, column: str, text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    whole = _RATING.fullmatch(text)
    if whole is None:
        raise UserError(
            f"{path}: line {line}: {column}: {text!r:.40} is no rating; "
            f"expected a whole number from {LOWEST} to {HIGHEST}, or nothing"
        )
    return int(whole[1])


def read_sheet(path: Path, ids: Iterable[str]) -> Ratings:
    """Read one filled sheet.

    Commas, semicolons and tabs, a byte order mark, UTF-16 and Windows' Western code are read, as spreadsheets
    write them; the column ``image``, ``caption`` or ``comment`` may be gone.

    Args:
        path: the sheet.
        ids: the ids of the key.

    Returns:
        The ratings by id and criterion; a row that was left empty has none.

    Raises:
        UserError: an id is missing, unknown or given twice, a rating is none, or a column is not known.
    """
    known = dict.fromkeys(ids)
    expected = f"a sheet with the columns {', '.join(_SHEET)}"
    ratings: Ratings = {}
    for line, row in _table(path, _SHEET, ("id", *CRITERIA), expected):
        identity = row["id"].strip()
        if identity not in known:
            raise UserError(
                f"{path}: line {line}: id: {identity!r:.40} is not in the key; expected one such as "
                f"{next(iter(known))!r} (is it a sheet of another round?)"
            )
        if identity in ratings:
            raise UserError(f"{path}: line {line}: id: {identity!r} is given twice; expected each id once")
        given = {name: _rating(path, line, name, row[name]) for name in CRITERIA}
        ratings[identity] = {name: value for name, value in given.items() if value is not None}
    missing = [identity for identity in known if identity not in ratings]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} ids of the key are missing, the first: {missing[0]!r}; "
            "expected every row, left empty where it was not rated"
        )
    if not any(ratings.values()):
        raise UserError(f"{path}: no row is filled in; expected ratings from {LOWEST} to {HIGHEST}")
    return ratings


def alpha_ordinal(ratings: NDArray[np.float64]) -> float | None:
    """Return Krippendorff's alpha for ordinal ratings, 1 for full agreement, 0 for that of chance.

    Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", University of Pennsylvania (2011),
    sections C (any number of observers, missing data) and D (ordinal difference).

    Args:
        ratings: float64 (raters, items), NaN where a rater gave none.

    Returns:
        Alpha, or None where no item has two ratings or all ratings are one value.
    """
    values = np.unique(ratings[np.isfinite(ratings)])
    # (items, values): how many raters gave an item a value; items of one rating pair with nothing
    given = (ratings[:, :, None] == values).sum(axis=0).astype(np.float64)
    given = given[given.sum(axis=1) >= 2]
    if not len(given):
        return None
    pairs = np.einsum("uc,uk->uck", given, given)
    pairs -= np.einsum("uc,ck->uck", given, np.eye(len(values)))
    observed = (pairs / (given.sum(axis=1) - 1)[:, None, None]).sum(axis=0)
    totals = observed.sum(axis=0)
    cumulated = np.cumsum(totals) - totals / 2  # middle rank of each value
    difference = (cumulated[:, None] - cumulated[None, :]) ** 2
    expected = float((np.outer(totals, totals) * difference).sum())
    if expected == 0:
        return None
    return 1.0 - float((totals.sum() - 1) * (observed * difference).sum()) / expected


def _mean(ratings: NDArray[np.float64]) -> dict[str, Any]:
    """Mean over items of their mean rating, and Student's 95% interval over items, of (raters, items)."""
    from scipy import stats

    counts = np.isfinite(ratings).sum(axis=0)
    means = np.nansum(ratings, axis=0)[counts > 0] / counts[counts > 0]
    n = len(means)
    if n == 0:
        return {"status": "unavailable", "reason": "no caption was rated"}
    value = float(means.mean())
    half = float(stats.t.ppf(0.975, n - 1) * means.std(ddof=1) / np.sqrt(n)) if n > 1 else None
    return {
        "value": value,
        "low": None if half is None else max(float(LOWEST), value - half),
        "high": None if half is None else min(float(HIGHEST), value + half),
        "n": n,
        "ratings": int(counts.sum()),
    }


def _agreement(ratings: NDArray[np.float64]) -> dict[str, Any]:
    counts = np.isfinite(ratings).sum(axis=0)
    if len(ratings) < 2 or not (counts >= 2).any():
        return {"status": "unavailable", "reason": "no caption was rated by two raters"}
    value = alpha_ordinal(ratings)
    if value is None:
        return {"status": "unavailable", "reason": "all ratings are the same: agreement is not defined"}
    paired = ratings[:, counts >= 2]
    return {
        "value": value,
        "raters": int(np.isfinite(paired).any(axis=1).sum()),
        "n": paired.shape[1],
        "ratings": int(np.isfinite(paired).sum()),
    }


def _sheets(paths: Sequence[Path], ids: Sequence[str]) -> list[Ratings]:
    """Read every sheet, each a rater's own."""
    sheets: list[Ratings] = []
    seen: dict[str, Path] = {}
    for path in paths:
        sheets.append(read_sheet(path, ids))
        first = seen.setdefault(sha256_file(path), path)
        if first is not path:
            raise UserError(f"{path}: the same file as {first}; expected one sheet of each rater")
    return sheets


def summarise(key: Path, sheets: Sequence[Path], out: Path) -> str:
    """Check filled sheets and write their summary (JSON; docs/narrator.md has the schema).

    Args:
        key: the ``key.csv`` of the round.
        sheets: one filled sheet a rater.
        out: the JSON to write.

    Returns:
        What the sheets say, in a few lines.

    Raises:
        UserError: a sheet or the key is not what it should be; file, line and column are told.
    """
    require_out(out, key, *sheets)
    known = _read_key(key)
    ids = list(known)
    filled = _sheets(sheets, ids)
    table = np.full((len(CRITERIA), len(sheets), len(ids)), np.nan)
    for rater, ratings in enumerate(filled):
        for position, identity in enumerate(ids):
            for criterion, name in enumerate(CRITERIA):
                table[criterion, rater, position] = ratings[identity].get(name, np.nan)

    def groups(names: Sequence[str]) -> dict[str, Any]:
        found = {}
        for name in sorted(set(names)):
            chosen = np.array([other == name for other in names])
            scores = {c: _mean(table[k][:, chosen]) for k, c in enumerate(CRITERIA)}
            found[name] = {"items": int(chosen.sum()), **scores}
        return found

    summary = {
        "round": ids[0].partition("-")[0],
        "scale": [LOWEST, HIGHEST],
        "criteria": list(CRITERIA),
        "items": len(ids),
        "raters": [
            {
                "sheet": path.as_posix(),
                "rated": sum(len(row) == len(CRITERIA) for row in ratings.values()),
                "partly": sum(0 < len(row) < len(CRITERIA) for row in ratings.values()),
                "unfilled": sum(not row for row in ratings.values()),
            }
            for path, ratings in zip(sheets, filled, strict=True)
        ],
        "branches": groups([entry.branch for entry in known.values()]),
        "captions": groups([entry.captions for entry in known.values()]),
        "agreement": {name: _agreement(table[k]) for k, name in enumerate(CRITERIA)},
    }
    write_json(out, summary)
    return _told(summary)


def _told(summary: Mapping[str, Any]) -> str:
    unfilled = sum(rater["unfilled"] for rater in summary["raters"])
    lines = [f"{summary['items']} captions, {len(summary['raters'])} raters, {unfilled} rows left empty"]
    for title, scores in [*summary["branches"].items(), ("agreement (alpha)", summary["agreement"])]:
        parts = []
        for name in CRITERIA:
            score = scores[name]
            if "value" not in score:
                parts.append(f"{name} - ({score['reason']})")
            elif score.get("low") is None:
                parts.append(f"{name} {score['value']:.2f}")
            else:
                parts.append(f"{name} {score['value']:.2f} ({score['low']:.2f} to {score['high']:.2f})")
        lines.append(f"{title}: {', '.join(parts)}")
    return "\n".join(lines)
