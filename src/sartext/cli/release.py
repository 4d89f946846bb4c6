"""`sartext release`: a version of SAR-TEXT, and whether a remote holds it."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--config", "config_file", required=True, type=click.Path(path_type=Path), help="Profile (YAML)."
)
@click.option("--version", metavar="X.Y.Z", help="The new version, above the last one.")
@click.option(
    "--texts-only", is_flag=True, help="Leave out all images, also those that their licence lets pass on."
)
@click.option(
    "--check",
    is_flag=True,
    help="Make no version: read the last one from its remote, and name what is damaged.",
)
@click.option("--remote", metavar="NAME", help="With --check: the DVC remote; the default one if left out.")
def release(
    config_file: Path, version: str | None, texts_only: bool, check: bool, remote: str | None
) -> None:
    r"""Make a version of a built and audited SAR-TEXT: a folder, its DVC pointer, a commit and a tag.

    The folder is data/sar-text/PROFILE, the commit holds its pointer alone, and the tag is
    sar-text-PROFILE@vX.Y.Z. Nothing is pushed. A failure leaves all as it was.

    \b
    Examples:
      sartext release --config config/mini.yaml --version 1.0.0
      sartext release --config config/mini.yaml --check --remote team
    """
    from sartext.core.config import load_config

    config = load_config(config_file)
    if check:
        if version or texts_only:
            raise click.UsageError("--check goes with --remote only; it makes no version")
        _check(config.profile, remote)
        return
    if not version or remote:
        raise click.UsageError("expected --version X.Y.Z, or --check with or without --remote NAME")
    from sartext.dataset.release.remotes import push_remote
    from sartext.dataset.release.run import release, size_of

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
    to, size = push_remote(), f"{size_of(made.folder) / 1e6:,.1f} MB"
    yours = "" if to else "; NAME: a remote of yours (dvc remote add -d NAME URL)"
    click.echo(f"  dvc push -r {to or 'NAME'} {made.pointer}   # {size}{yours}")
    click.echo("  git push --follow-tags")


def _check(profile: str, remote: str | None) -> None:
    from sartext.core.errors import UserError
    from sartext.dataset.release.remotes import check_remote

    checked = check_remote(profile, remote)
    for fault in checked.faults:
        click.echo(f"{fault.file}: {fault.kind}: {fault.place}")
    if checked.faults:
        raise UserError(
            f"remote {checked.remote}: {len(checked.faults)} of {checked.files} files of {checked.tag} are "
            f"missing or damaged; delete what is damaged there and {checked.listing}, "
            f"then push {checked.push}"
        )
    click.echo(
        f"{checked.tag}: remote {checked.remote}: {checked.files} files, {checked.size:,} bytes, all whole"
    )
