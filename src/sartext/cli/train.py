"""`sartext tokenizer` and `sartext train`."""

from pathlib import Path

import click

_CONFIG = click.option("--config", type=click.Path(path_type=Path), required=True, help="The profile.")


@click.command()
@_CONFIG
def tokenizer(config: Path) -> None:
    """Learn the byte-pair vocabulary of a profile's training texts, and take over those it names."""
    from sartext.core.config import load_config
    from sartext.models.vocabulary import make_vocabularies

    for folder in make_vocabularies(load_config(config)):
        click.echo(f"{folder}: written")


@click.command()
@_CONFIG
@click.option("--model", required=True, help="clip, coca or gpt.")
@click.option("--recipe", "recipes", multiple=True, required=True, help="Recipes, one or several.")
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    required=True,
    type=click.IntRange(min=0),
    help="Seeds, one or several: a run of each recipe for each.",
)
@click.option(
    "--resume", is_flag=True, help="Leave out finished runs and go on with stopped ones; else all start anew."
)
def train(config: Path, model: str, recipes: tuple[str, ...], seeds: tuple[int, ...], resume: bool) -> None:
    """Train a model by one or several recipes and seeds, in one process.

    Recipes: base (not trained), optical, sar, sar-matched, joint, two-stage (goes on from optical), and the
    profile's released weights by their names, such as published (not trained, seed 0).
    """
    from sartext.core.config import load_config
    from sartext.training import train as train_runs

    train_runs(load_config(config), model, recipes, seeds, resume)
