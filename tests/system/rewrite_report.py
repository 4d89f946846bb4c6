"""How many captions of a real language model pass the guard, and why the rules stand in for the others.

    .venv/bin/python tests/system/rewrite_report.py CAPTIONS.json results/rewrites.json --count 600

CAPTIONS.json is in the form of the Sydney captions. The figures of docs/narrator.md are made so.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from model_server import model_server

from sartext.core.config import RewriterConfig
from sartext.core.seeds import generator
from sartext.narrator.rewriters import make_rewriter


def distinct_sentences(file: Path, count: int) -> list[str]:
    """Return up to `count` different sentences, drawn at random, the same in every run."""
    images = json.loads(file.read_text(encoding="utf-8"))["images"]
    distinct = sorted({sentence["raw"] for image in images for sentence in image["sentences"]})
    return [str(sentence) for sentence in generator("rewrite report").permutation(distinct)[:count]]


def report(captions: list[str], url: str) -> dict[str, Any]:
    """Rewrite captions by the server at `url` and sum up what became of them."""
    os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}
    rewriter = make_rewriter(RewriterConfig(name="openai", model="smollm2", max_tokens=64, timeout_s=120))
    started = time.monotonic()
    rewritten = rewriter(captions)
    seconds = time.monotonic() - started
    rows = [
        {"optical": caption, "caption": entry.text, "by": entry.by, "fallback": entry.fallback}
        for caption, entry in zip(captions, rewritten, strict=True)
    ]
    return {
        "seconds": round(seconds, 1),
        "account": rewriter.account.summary(),
        "rows": rows,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("captions", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=600)
    given = parser.parse_args()
    with model_server() as address:
        found = report(distinct_sentences(given.captions, given.count), address)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in found.items() if key != "rows"}, indent=1))
