"""`sartext release`: a version of SAR-TEXT."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--config", "config_file", required=True, type=click.Path(path_type=Path), help="Profile (YAML)."
)
@click.option("--version", required=True, metavar="X.Y.Z", help="The new version, above the last one.")
@click.option(
    "--texts-only", is_flag=True, help="Leave out all images, also those that their licence lets pass on."
)
def release(config_file: Path, version: str, texts_only: bool) -> None:
    r"""Make a version of a built and audited SAR-TEXT: a folder, its DVC pointer, a commit and a tag.

    The folder is data/sar-text/PROFILE, the commit holds its pointer alone, and the tag is
    sar-text-PROFILE@vX.Y.Z. Nothing is pushed. A failure leaves all as it was.

    \b
    Example:
      sartext release --config config/mini.yaml --version 1.0.0
    """
    from sartext.core.config import load_config
    from sartext.dataset.release.run import release, size_of

    config = load_config(config_file)
    made = release(config, version, texts_only)
    counts = made.record["counts"]
    click.echo(
        f"{made.tag}: {counts['images']['all']:,} images, {counts['captions']['all']:,} captions, "
        f"{counts['questions']['all']:,} questions; content {made.content[:12]}; commit {made.commit[:12]}"
    )
    for entry in made.record["withheld"]:
        click.echo(
            f"no images of {entry['source']} ({entry['images']:,}; {entry['reason']}): {entry['licence']}"
        )
    click.echo(f"{made.folder / 'CHANGES.md'} tells what changed. Next:")
    click.echo(
        f"  dvc push {made.pointer}   # {size_of(made.folder) / 1e6:,.1f} MB; -r NAME for another remote"
    )
    click.echo("  git push --follow-tags")
