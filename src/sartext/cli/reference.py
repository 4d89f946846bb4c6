"""Verb `reference`: the committed results of a profile, and what a later run has drifted from them."""

import sys
from pathlib import Path

import click

_CONFIG = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), required=True, help="The profile's YAML file."
)


@click.group()
def reference() -> None:
    """Keep a finished run as the reference of its profile, and hold later runs against it."""


@reference.command()
@_CONFIG
def update(config_path: Path) -> None:
    """Make a finished run the reference: results/reference/PROFILE."""
    from sartext.core.config import load_config
    from sartext.leaderboard.reference import update

    click.echo(update(load_config(config_path)))


@reference.command()
@_CONFIG
@click.option("--strict", is_flag=True, help="Exit with 1 unless all rows are the same.")
def compare(config_path: Path, strict: bool) -> None:
    """Compare a run with its reference row by row, into reports/PROFILE/drift.md and drift.json."""
    from sartext.core.config import load_config
    from sartext.leaderboard.drift import compare_run, shown, write_drift

    config = load_config(config_path)
    drift = compare_run(config)
    _, told = write_drift(drift, config.reports)
    for entry in drift.drifted:
        more = "" if entry.difference is None else f" ({entry.difference:+.6g})"
        click.echo(f"{entry.row}: {shown(entry.reference)}, now {shown(entry.now)}{more}")
    for row in drift.only_reference:
        click.echo(f"{row}: only in the reference")
    for row in drift.only_now:
        click.echo(f"{row}: only in this run")
    for what, before, now in drift.origins:
        click.echo(f"{what}: {before}, now {now}")
    click.echo(drift.summary)
    click.echo(told)
    if strict and drift.status != "same":
        sys.exit(1)


@reference.command()
@_CONFIG
@click.option(
    "--readme",
    "path",
    type=click.Path(path_type=Path),
    default=Path("README.md"),
    show_default=True,
    help="The file with the markers to fill.",
)
def readme(config_path: Path, path: Path) -> None:
    """Put the reference's main table and figure into README, between its markers."""
    from sartext.core.config import load_config
    from sartext.report.readme import write_readme

    click.echo(write_readme(load_config(config_path), path))
