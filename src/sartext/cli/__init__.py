"""The command line: `sartext VERB ...`; each workflow rule is one call of it.

Verbs are imported when they are called, so that `sartext --help` answers at once.
"""

import sys
import traceback

import click

from sartext import __version__
from sartext.core.errors import UserError

# verb -> (module, attribute, one-line help)
_VERBS: dict[str, tuple[str, str, str]] = {
    "doctor": (
        "sartext.cli.doctor",
        "doctor",
        "What this machine can run, and what is missing for the rest.",
    ),
    "simulate": (
        "sartext.cli.sources",
        "simulate",
        "Write simulated sources in the layouts of the real ones.",
    ),
    "fetch": ("sartext.cli.fetch", "fetch", "Download a source, or check what was placed by hand."),
    "ingest": (
        "sartext.cli.sources",
        "ingest",
        "Read a source: decode and check its images, index its annotations.",
    ),
    "narrate": ("sartext.cli.narrate", "narrate", "Write captions from boxes, masks or optical twins."),
    "build": ("sartext.cli.dataset", "build", "Build SAR-TEXT from everything narrated."),
    "audit": (
        "sartext.cli.dataset",
        "audit",
        "Check that no test image, nor its like, is in a training set.",
    ),
    "release": ("sartext.cli.release", "release", "Tag a version of SAR-TEXT for DVC."),
    "tokenizer": ("sartext.cli.train", "tokenizer", "Learn the byte-pair vocabulary of a model."),
    "train": ("sartext.cli.train", "train", "Train a model by one or several recipes and seeds."),
    "caption": ("sartext.cli.models", "caption", "Caption images with a CoCa checkpoint."),
    "search": (
        "sartext.cli.models",
        "search",
        "Rank the images of a folder by a sentence with a CLIP checkpoint.",
    ),
    "ask": ("sartext.cli.models", "ask", "Answer a question about an image with a GPT checkpoint."),
    "benchmark": ("sartext.cli.evaluate", "benchmark", "Freeze, pull, check or draft a benchmark."),
    "predict": ("sartext.cli.evaluate", "predict", "Write a model's predictions on a benchmark task."),
    "score": (
        "sartext.cli.evaluate",
        "score",
        "Score predictions: retrieval, captioning, vqa, or a benchmark task.",
    ),
    "leaderboard": ("sartext.cli.report", "leaderboard", "Render standings from score files."),
    "reference": (
        "sartext.cli.reference",
        "reference",
        "Keep a run as the reference of its profile, and name what drifts from it.",
    ),
    "report": ("sartext.cli.report", "report", "Make tables, figures and the page from score files."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _VERBS:
            return None
        import importlib

        module, attribute, _ = _VERBS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, entry[2]) for verb, entry in _VERBS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sartext")
def _root() -> None:
    """Narrate SAR images, build SAR-TEXT, train in two stages, and compare on fixed benchmarks."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Exit status: 0 done; 2 the user's mistake, one line on stderr; 1 our fault."""
    try:
        _root.main(args=arguments, prog_name="sartext", standalone_mode=False)
    except UserError as error:
        print(f"sartext: {error}", file=sys.stderr)
        sys.exit(2)
    except click.exceptions.Exit as exit_request:
        sys.exit(exit_request.exit_code)
    except click.ClickException as error:
        hint = (
            f" (see {error.ctx.command_path} --help)"
            if isinstance(error, click.UsageError) and error.ctx
            else ""
        )
        print(f"sartext: {' '.join(error.format_message().split())}{hint}", file=sys.stderr)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        print("sartext: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
