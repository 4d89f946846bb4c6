"""The Java parts of pycocoevalcap, each under a time limit: PTB tokenizer, METEOR and SPICE.

pycocoevalcap starts the same jars but waits for them for ever, writes temporary files among its own, and
lets the locale choose an encoding. The commands here give the same answers without that.
"""

import contextlib
import json
import math
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

TOKENIZER_LIMIT_S = 300.0
METEOR_LIMIT_S = 180.0  # it reads a paraphrase table of 60 MB before its first answer
SPICE_LIMIT_S = 3600.0
METEOR_FIELDS = 23
SPICE_JARS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
_UTF8 = ("-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8")


class MetricUnavailableError(Exception):
    """A metric cannot run here; the message is the reason given in the score file."""


def package_folder() -> Path:
    """Return pycocoevalcap's folder without importing it.

    Raises:
        MetricUnavailableError: it is not installed.
    """
    spec = find_spec("pycocoevalcap")
    if spec is None or not spec.submodule_search_locations:
        raise MetricUnavailableError("pycocoevalcap is not installed (make setup installs it)")
    return Path(spec.submodule_search_locations[0])


def _java() -> str:
    found = shutil.which("java")
    if found is None:
        raise MetricUnavailableError("no java on this machine's PATH (install a Java runtime, 9 or newer)")
    return found


def _run(command: Sequence[str], what: str, limit_s: float, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise MetricUnavailableError(f"{what} did not end within {limit_s:g} s") from None
    except OSError as error:
        raise MetricUnavailableError(f"{what} did not start ({error.strerror})") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise MetricUnavailableError(
            f"{what} failed with status {done.returncode}: {said[-1] if said else 'it said nothing'}"
        )
    return done.stdout


def tokenize(
    sentences: Sequence[str], limit_s: float = TOKENIZER_LIMIT_S, command: Sequence[str] | None = None
) -> list[str]:
    """Tokenise as COCO captions are: Penn Treebank tokens, lower case, punctuation left out.

    Args:
        sentences: any text; white space is folded first, since a stray line separator would shift all that
            follows by a line.
        limit_s: seconds to wait for.
        command: in place of the Stanford tokenizer of pycocoevalcap.

    Returns:
        The tokens of each sentence joined by single spaces.

    Raises:
        MetricUnavailableError: Java or the jar is missing, it failed, or it took too long.
    """
    if command is None:
        jar = package_folder() / "tokenizer" / "stanford-corenlp-3.4.1.jar"
        main = "edu.stanford.nlp.process.PTBTokenizer"
        command = [_java(), *_UTF8, "-cp", str(jar), main, "-preserveLines", "-lowerCase"]
        command += ["-encoding", "UTF-8"]
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    lines = [" ".join(sentence.replace("\x00", " ").split()) for sentence in sentences]
    told = _run(command, "the PTB tokenizer", limit_s, "".join(f"{line}\n" for line in lines).encode())
    answers = told.decode("utf-8", errors="replace").split("\n")
    if len(answers) != len(lines) + 1 or answers[-1]:
        raise MetricUnavailableError(
            f"the PTB tokenizer answered {len(answers) - 1} lines for {len(lines)} sentences"
        )
    left_out = set(PUNCTUATIONS)
    return [
        " ".join(word for word in line.rstrip().split(" ") if word not in left_out) for line in answers[:-1]
    ]


class Meteor:
    """One METEOR 1.5 process for any number of predictions; it starts when first asked.

    Use as a context manager. METEOR can stop answering; every answer is waited for under a time limit, and a
    process that broke it is ended.
    """

    def __init__(self, limit_s: float = METEOR_LIMIT_S, command: Sequence[str] | None = None) -> None:
        self._limit_s = limit_s
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what it never read is left in the pipe
                        stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        command = self._command
        if command is None:
            jar = package_folder() / "meteor" / "meteor-1.5.jar"
            command = [_java(), *_UTF8, "-Xmx2G", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as error:
            raise MetricUnavailableError(f"METEOR did not start ({error.strerror})") from None
        return self._process

    def _ask(self, line: str) -> str:
        process = self._process or self._start()
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        # ending the process ends a write as well as a read that would wait for ever
        timer = threading.Timer(self._limit_s, stop)
        timer.start()
        answer = b""
        try:
            if process.stdin is not None and process.stdout is not None:
                process.stdin.write(f"{line}\n".encode())
                process.stdin.flush()
                answer = process.stdout.readline()
        except OSError:
            answer = b""
        finally:
            timer.cancel()
        if late.is_set():
            raise MetricUnavailableError(f"METEOR did not answer within {self._limit_s:g} s")
        if not answer:
            raise MetricUnavailableError("METEOR ended before it answered (it needs 2 GB of memory)")
        return answer.decode("utf-8", errors="replace").strip()

    def segment(self, hypothesis: str, references: Sequence[str]) -> list[float]:
        """Return the 23 match statistics of one tokenised sentence against its best reference.

        Raises:
            MetricUnavailableError: METEOR cannot run, answered nothing sensible, or took too long.
        """
        parts = [*references, hypothesis]
        clean = [part.replace("|||", "").replace("  ", " ") for part in parts]
        try:
            answer = self._ask(" ||| ".join(["SCORE", *clean]))
            try:
                fields = [float(field) for field in answer.split()]
            except ValueError:
                fields = []
            if len(fields) != METEOR_FIELDS:
                raise MetricUnavailableError(
                    f"METEOR answered {answer[:60]!r} in place of its {METEOR_FIELDS} statistics"
                )
        except MetricUnavailableError:
            self.close()
            raise
        return fields


def spice(
    references: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    limit_s: float = SPICE_LIMIT_S,
) -> dict[str, float]:
    """Return SPICE's F-score of each image (Anderson et al., ECCV 2016; spice-1.0.jar).

    Args:
        references: tokenised sentences by image.
        predictions: one tokenised sentence an image.
        limit_s: seconds to wait for.

    Raises:
        MetricUnavailableError: Stanford CoreNLP 3.6.0 is not beside SPICE's jar, or it failed or took too
        long.
    """
    folder = package_folder() / "spice"
    missing = [name for name in SPICE_JARS if not (folder / "lib" / name).is_file()]
    if missing:
        raise MetricUnavailableError(
            f"SPICE needs {' and '.join(missing)} in pycocoevalcap's spice/lib "
            "(Maven Central: edu.stanford.nlp:stanford-corenlp:3.6.0 and its models classifier)"
        )
    with tempfile.TemporaryDirectory() as scratch:
        given, told = Path(scratch, "in.json"), Path(scratch, "out.json")
        entries = [
            {"image_id": name, "test": predictions[name], "refs": list(references[name])}
            for name in sorted(references)
        ]
        given.write_text(json.dumps(entries), encoding="utf-8")
        cache = Path(scratch, "cache")
        cache.mkdir()
        # its serializer reaches into java.lang and java.util, which Java above 8 closes
        opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.lang", "java.util")]
        path = os.pathsep.join([str(folder / "spice-1.0.jar"), str(folder / "lib" / "*")])
        command = [_java(), *_UTF8, "-Xmx8G", *opens, "-cp", path, "edu.anu.spice.SpiceScorer", str(given)]
        command += ["-cache", str(cache), "-out", str(told), "-subset", "-silent"]
        _run(command, "SPICE", limit_s)
        try:
            results = json.loads(told.read_text(encoding="utf-8"))
            scores = {str(entry["image_id"]): float(entry["scores"]["All"]["f"]) for entry in results}
        except (OSError, ValueError, KeyError, TypeError):
            raise MetricUnavailableError("SPICE wrote no readable scores") from None
    if set(scores) != set(references) or not all(math.isfinite(score) for score in scores.values()):
        raise MetricUnavailableError(f"SPICE did not give a number for each of {len(references)} images")
    return scores
