"""The narrator on anyone's folders: annotations, masks or pairs to a csv of ``filepath,caption,branch``.

Beside ``captions.csv`` stand ``captions.summary.json`` (what was done, of how much, by which settings) and,
where anything was set aside, ``captions.rejects.csv``.
"""

import csv
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from sartext import __version__
from sartext.core.config import ImagesConfig, NarratorConfig
from sartext.core.errors import UserError, one_line
from sartext.core.files import atomic_path, write_json
from sartext.core.progress import track
from sartext.core.records import Branch, Scene
from sartext.narrator.a2c import a2c
from sartext.narrator.sa2c import sa2c
from sartext.sources import Reject, decode_image, match_pairs, read_annotations, resize
from sartext.sources.decode import Pixels, quiet
from sartext.sources.given import AnnotationFormat, check_image, pair_fault
from sartext.sources.layout import IMAGE_SUFFIXES
from sartext.sources.masks import MaskKind
from sartext.sources.rejects import RejectKind, SetAsideError, write_rejects

# images handed to the checking threads at once: the list of waiting work stays short on 100,000 images
_CHUNK = 256
_BATCH = 32
_BESIDE = (".summary.json", ".rejects.csv")
_BESIDE_PAIR = (*_BESIDE, ".optical.csv", ".answers", ".partial")
# what annotations and images are read from in a folder
_READ_SUFFIXES = (".xml", ".txt", *IMAGE_SUFFIXES)
_LOST: tuple[RejectKind, ...] = ("image", "absent", "box")
# percentiles matter to how an image looks, not to whether it opens
_ANY_IMAGES = ImagesConfig(size=1, max_rejected_share=1.0)


def narrator_config(
    file: Path | None = None,
    options: Mapping[str, Any] | None = None,
    rewriter: Mapping[str, Any] | None = None,
) -> NarratorConfig:
    """Return the narrator's settings: the defaults, then those of a file, then single options.

    Args:
        file: YAML of the profile's ``narrator`` section, or a whole profile, of which that section is taken.
        options: keys of the section; those that are None are not given.
        rewriter: keys of its ``rewriter`` section; likewise.

    Raises:
        UserError: the file is missing or no YAML mapping, or a key or value is wrong.
    """
    raw: dict[str, Any] = _narrator_section(file) if file else {}
    raw |= {key: value for key, value in (options or {}).items() if value is not None}
    chosen = {key: value for key, value in (rewriter or {}).items() if value is not None}
    if chosen:
        given = raw.get("rewriter")
        raw["rewriter"] = {**(given if isinstance(given, dict) else {}), **chosen}
    try:
        return NarratorConfig.model_validate(raw)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(step) for step in ("narrator", *fault["loc"]))
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "unknown key; config/README.md lists them"
        elif fault["type"] != "value_error":
            message += f" (given: {fault.get('input')!r:.80})"
        raise UserError(f"{f'{file}: ' if file else ''}{where}: {message}") from None


def _narrator_section(file: Path) -> dict[str, Any]:
    expected = "YAML of a profile's 'narrator' section, such as 'wording: varied'"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{file}: {error.strerror or error}; expected {expected}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: not readable YAML ({error}); expected {expected}") from None
    section = content.get("narrator", content) if isinstance(content, dict) else content
    if not isinstance(section, dict):
        raise UserError(f"{file}: expected {expected}")
    return dict(section)


@dataclass
class _Work:
    """What one call of `sartext narrate` does: where it writes, by which settings, and what came of it."""

    branch: Branch
    out: Path
    config: NarratorConfig
    seed: int = 0
    started: float = field(default_factory=time.monotonic)
    captioned: int = 0
    captions: int = 0

    def beside(self, suffix: str) -> Path:
        """A file beside the csv, such as ``captions.rejects.csv``."""
        return self.out.with_suffix(suffix)

    def require_out(self, *inputs: Path | None) -> None:
        """Check, before any long work, that nothing that is written is one of the `inputs` or in their way.

        Raises:
            UserError: see `require_out`; or a file beside the csv is an input.
        """
        require_out(self.out, *inputs)
        for suffix in _BESIDE_PAIR if self.branch == "pair" else _BESIDE:
            if _overwritten(self.beside(suffix), inputs):
                raise UserError(
                    f"--out {self.out}: {self.beside(suffix)} is written too and would overwrite an input; "
                    "expected another name"
                )

    def write(self, rows: Iterable[tuple[str, Sequence[str]]], images: int, rejects: list[Reject]) -> None:
        """Write the csv from (path, captions) of each image, one by one, and what was set aside.

        Raises:
            UserError: there is no caption at all; the csv is then not written, what was set aside is.
        """
        with (
            atomic_path(self.out) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as stream,
        ):
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["filepath", "caption", "branch"])
            writer.writerows(self._counted(rows))
            self._write_rejects(rejects)
            if not self.captioned:
                raise UserError(self._nothing(images, rejects))

    def _counted(self, rows: Iterable[tuple[str, Sequence[str]]]) -> Iterator[tuple[str, str, str]]:
        for path, captions in rows:
            self.captioned += bool(captions)
            self.captions += len(captions)
            for caption in captions:
                yield path, caption, self.branch

    def _write_rejects(self, rejects: Sequence[Reject]) -> None:
        beside = self.beside(".rejects.csv")
        if rejects:
            write_rejects(beside, rejects)
        else:
            beside.unlink(missing_ok=True)

    def _nothing(self, images: int, rejects: Sequence[Reject]) -> str:
        lost = [entry for entry in rejects if entry.kind in _LOST]
        if not lost:
            return f"nothing to caption in {images} images; expected at least one annotated object or class"
        return (
            f"nothing to caption in {images} images; {len(lost)} records were set aside, the first: "
            f"{_first(lost)} ({self.beside('.rejects.csv')} lists them)"
        )

    def finish(
        self, images: int, rejects: Sequence[Reject], rewriter: Mapping[str, Any] | None = None
    ) -> None:
        """Write the summary and say it on stderr.

        Args:
            images: how many images could be used.
            rejects: what was set aside.
            rewriter: pair: what the rewriter did.
        """
        seconds = time.monotonic() - self.started
        lost = [entry for entry in rejects if entry.kind in _LOST]
        kinds = Counter(entry.kind for entry in rejects)
        summary = {
            "branch": self.branch,
            "images": images,
            "captioned": self.captioned,
            "captions": self.captions,
            "set_aside": {kind: kinds[kind] for kind in _LOST},
            "notes": kinds["note"],
            "seconds": round(seconds, 3),
            "images_a_second": round(images / seconds, 1),
            "narrator": self.config.model_dump(mode="json", exclude={"damage"}),
            "seed": self.seed,
            "version": __version__,
        }
        if rewriter is not None:
            summary["rewriter"] = dict(rewriter)
        write_json(self.beside(".summary.json"), summary)
        speed = images / seconds
        text = (
            f"{self.captioned} of {images} images captioned, {self.captions} captions, in {seconds:.1f} s "
            f"({speed:.{0 if speed >= 10 else 1}f} images a second)"
        )
        if self.captioned < images:
            text += (
                "; the captioner said nothing of the rest"
                if self.branch == "pair"
                else "; the rest hold nothing to name or lost a faulty box"
            )
        print(f"sartext: {one_line(text)}", file=sys.stderr)
        if lost:
            counts = ", ".join(f"{kinds[kind]} {kind}" for kind in _LOST if kinds[kind])
            print(
                f"sartext: {len(lost)} records set aside ({counts}), see {self.beside('.rejects.csv')}; "
                f"the first: {_first(lost)}",
                file=sys.stderr,
            )
        if rewriter is not None and self.config.rewriter.name != "rules":
            print(f"sartext: {_rewriter_told(self.config.rewriter.name, rewriter)}", file=sys.stderr)


def _rewriter_told(name: str, account: Mapping[str, Any]) -> str:
    """What a language model did in this run, in one line; `account` is `Account.summary`."""
    text = (
        f"rewriter {name}: {account['captions']} captions, {account['requests']} requests "
        f"({account['retries']} of them again), {account['cached']} answers cached, "
        f"{account['prompt_tokens']} tokens in and {account['completion_tokens']} out, "
        f"cost {account['cost']:g}"
    )
    fallbacks = account["fallbacks"]
    if fallbacks:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(fallbacks.items()))
        text += f"; the rules stood in for {sum(fallbacks.values())}: {reasons}"
    return text


def _first(lost: Sequence[Reject]) -> str:
    return f"{' '.join(filter(None, (lost[0].file, lost[0].record)))}: {lost[0].reason}"


def require_out(out: Path, *inputs: Path | None) -> None:
    """Check, before any long work, that `out` can be written and is none of the `inputs`.

    Raises:
        UserError: it is a folder, an input, or lies where nothing can be written.
    """
    if out.is_dir():
        raise UserError(f"--out {out}: is a folder; expected a file to write, such as {out / 'captions.csv'}")
    if _overwritten(out, inputs):
        raise UserError(f"--out {out}: would overwrite an input; expected another name")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir():
        raise UserError(f"--out {out}: {above} is a file; expected a folder to write in")
    try:  # asking for the right is not enough: root has it where a file system takes no files
        with tempfile.TemporaryFile(dir=above):
            pass
    except OSError:
        raise UserError(f"--out {out}: {above} may not be written to; expected a folder of yours") from None


def _overwritten(written: Path, inputs: Iterable[Path | None]) -> bool:
    """Whether a path to write is one of the inputs, or a file of a folder that is one."""
    if not written.exists():
        return False
    for given in inputs:
        if given is None or not given.exists():
            continue
        inside = written.suffix.lower() in _READ_SUFFIXES and given.resolve() in written.resolve().parents
        if inside or written.samefile(given):
            return True
    return False


def _require_images(images: Path) -> None:
    if images.is_dir() and not any(path.suffix.lower() in IMAGE_SUFFIXES for path in images.rglob("*")):
        raise UserError(
            f"--images {images}: holds no image ({', '.join(IMAGE_SUFFIXES)}); expected the folder of the "
            "images, or --no-check-images to trust the annotations"
        )


def _sound(
    scenes: Sequence[Scene], check: Callable[[Scene], Reject | None], rejects: list[Reject], label: str
) -> list[Scene]:
    """Return the scenes that `check` has nothing against, in their order; the others become rejects.

    Decoders let go of Python's lock, so that threads share the work (1.5 times as fast with two cores).
    """
    sound: list[Scene] = []
    # a thread's own `quiet` is undone by another's: this one outlasts them all
    with quiet(), ThreadPoolExecutor(os.cpu_count()) as pool:
        chunks = (scenes[start : start + _CHUNK] for start in range(0, len(scenes), _CHUNK))
        faults = (fault for chunk in chunks for fault in pool.map(check, chunk))
        for scene, fault in zip(scenes, track(faults, label, len(scenes)), strict=True):
            if fault is None:
                sound.append(scene)
            else:
                rejects.append(fault)
    return sound


def _image_fault(scene: Scene) -> Reject | None:
    try:
        check_image(scene)
    except SetAsideError as fault:
        return Reject(scene.image, "", fault.reason)
    return None


def _pair_fault(scene: Scene) -> Reject | None:
    fault = pair_fault(Path(scene.image), Path(scene.twin or ""))
    return Reject(fault[0].as_posix(), "", fault[1]) if fault else None


def _writable(scenes: Sequence[Scene], rejects: list[Reject]) -> list[Scene]:
    """Set aside images whose name is not Unicode: it cannot stand in a csv that others read."""
    kept = []
    for scene in scenes:
        if scene.image.isascii() or scene.image.encode("utf-8", "replace").decode("utf-8") == scene.image:
            kept.append(scene)
        else:
            name = scene.image.encode("utf-8", "backslashreplace").decode("utf-8")
            rejects.append(Reject(name, "", "its name is not UTF-8; expected a name that a csv can hold"))
    return kept


def _note_namesakes(scenes: Sequence[Scene], rejects: list[Reject]) -> None:
    """Say where another image has the stem of one that was found by its annotation's stem."""
    folders: dict[str, dict[str, list[str]]] = {}
    for scene in scenes:
        folder, name = os.path.split(scene.image)
        if folder not in folders:
            folders[folder] = _by_stem(folder)
        others = [other for other in folders[folder].get(os.path.splitext(name)[0], ()) if other != name]
        if others:
            reason = f"{', '.join(others)} has the same stem; the annotation was taken to be of this one"
            rejects.append(Reject(scene.image, "", reason, "note"))


def _by_stem(folder: str) -> dict[str, list[str]]:
    """Names of the images in a folder by their stem; none where there is no such folder."""
    stems: dict[str, list[str]] = {}
    for name in sorted(os.listdir(folder or ".")) if os.path.isdir(folder or ".") else ():
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in IMAGE_SUFFIXES:
            stems.setdefault(stem, []).append(name)
    return stems


def _narrate(
    work: _Work,
    scenes: Sequence[Scene],
    rejects: list[Reject],
    say: Callable[[Scene], list[str]],
    check_images: bool,
) -> None:
    scenes = _writable(scenes, rejects)
    if check_images:
        scenes = _sound(scenes, _image_fault, rejects, "check images")
    work.write(_said(scenes, say, rejects), len(scenes), rejects)
    work.finish(len(scenes), rejects)


def _said(
    scenes: Sequence[Scene], say: Callable[[Scene], list[str]], rejects: list[Reject]
) -> Iterator[tuple[str, list[str]]]:
    for scene in scenes:
        try:
            yield scene.image, say(scene)
        except UserError as error:  # such as a class name of signs alone
            rejects.append(Reject(scene.image, "", str(error)))


def narrate_boxes(
    format: AnnotationFormat,
    annotations: Path,
    images: Path,
    out: Path,
    classes: Path | None = None,
    mask_kind: MaskKind = "semantic",
    mask_suffix: str = "",
    check_images: bool = True,
    config: NarratorConfig | None = None,
    seed: int = 0,
    image_suffix: str = "",
    settings: Path | None = None,
) -> None:
    """Caption images from their boxes by A2C.

    Args:
        format: as all up to `check_images`, see `sartext.sources.read_annotations`.
        annotations: the annotation file or folder.
        images: folder of the images.
        out: csv to write; its summary and what was set aside are written beside it.
        classes: class file.
        mask_kind: whether a mask's value is a class or one object.
        mask_suffix: what a mask's stem has more than its image's.
        check_images: whether each image must be there and decode.
        config: rule, wording and places.
        seed: of what is drawn.
        image_suffix: masks: what an image's stem has more than its mask's without `mask_suffix`.
        settings: the file that `config` came from, so that it is not written over.

    Raises:
        UserError: a path or file is not what it should be, or nothing could be captioned.
    """
    work = _Work("a2c", out, config or NarratorConfig(), seed)
    work.require_out(annotations, images, classes, settings)
    if check_images:
        _require_images(images)
    scenes, rejects = read_annotations(
        format,
        annotations,
        images,
        classes,
        mask_kind,
        mask_suffix,
        image_suffix=image_suffix,
        check_images=check_images,
        decode=False,
    )
    if format != "coco":
        _note_namesakes(scenes, rejects)
    _narrate(work, scenes, rejects, lambda scene: a2c(scene, work.config, seed), check_images)


def narrate_masks(
    masks: Path,
    images: Path,
    classes: Path,
    out: Path,
    mask_suffix: str = "",
    check_images: bool = True,
    config: NarratorConfig | None = None,
    seed: int = 0,
    image_suffix: str = "",
    settings: Path | None = None,
) -> None:
    """Caption images from their class masks by SA2C.

    Args:
        masks: folder of class masks.
        images: folder of the images.
        classes: class file.
        out: csv to write; its summary and what was set aside are written beside it.
        mask_suffix: what a mask's stem has more than its image's.
        check_images: whether each image must be there and decode.
        config: thresholds and wording.
        seed: of what is drawn.
        image_suffix: masks: what an image's stem has more than its mask's without `mask_suffix`.
        settings: the file that `config` came from, so that it is not written over.

    Raises:
        UserError: a path or file is not what it should be, or nothing could be captioned.
    """
    work = _Work("sa2c", out, config or NarratorConfig(), seed)
    work.require_out(masks, images, classes, settings)
    if check_images:
        _require_images(images)
    scenes, rejects = read_annotations(
        "mask",
        masks,
        images,
        classes,
        mask_suffix=mask_suffix,
        image_suffix=image_suffix,
        check_images=check_images,
        decode=False,
    )
    _note_namesakes(scenes, rejects)
    _narrate(work, scenes, rejects, lambda scene: sa2c(scene, work.config, seed), check_images)


def narrate_folders(
    sar: Path,
    optical: Path,
    captioner: str,
    out: Path,
    match: str | None = None,
    config: NarratorConfig | None = None,
    max_tokens: int = 40,
    device: str = "cpu",
    settings: Path | None = None,
) -> None:
    """Caption SAR images from their optical twins; killed and called again, it goes on where it was.

    Args:
        sar: folder of SAR images.
        optical: folder of registered optical images.
        captioner: a spec of `sartext.models.load` that captions.
        out: csv to write. Beside it: ``.optical.csv``, the captions before and after rewriting;
            ``.answers``, a folder of what a language model answered; ``.partial``, what the captioner said
            so far, until all is done.
        match: see `sartext.sources.match_pairs`.
        config: rewriter, and beams of the captioner.
        max_tokens: most tokens of a caption.
        device: where captioner and a local rewriter run.
        settings: the file that `config` came from, so that it is not written over.

    Raises:
        UserError: nothing pairs, the captioner does not caption, or the rewriter cannot go on.
    """
    from sartext.narrator.pair import Decoding, PairNarrator, image_stamp, write_provenance

    work = _Work("pair", out, config or NarratorConfig())
    work.require_out(sar, optical, Path(captioner), Path(work.config.rewriter.prompt), settings)
    scenes, rejects = match_pairs(sar, optical, match, check_images=False)
    scenes = _writable(scenes, rejects)
    decoding = Decoding(work.config.pair_beams, max_tokens, _BATCH)
    narrator = PairNarrator(captioner, decoding, work.config.rewriter, device, work.beside(".answers"))
    journal = narrator.journal(work.beside(".partial"))

    def stamp(scene: Scene) -> str:
        return f"{image_stamp(scene.image)}|{image_stamp(scene.twin or '')}"

    # what the journal has was checked before it was captioned
    scenes = _sound(
        scenes, lambda scene: None if stamp(scene) in journal else _pair_fault(scene), rejects, "check images"
    )
    with quiet(), ThreadPoolExecutor(os.cpu_count()) as pool:
        narrated = narrator.narrate(
            [scene.image for scene in scenes],
            [stamp(scene) for scene in scenes],
            lambda places: np.stack(
                list(pool.map(lambda place: _twin(scenes[place], narrator.image_size), places))
            ),
            journal,
        )
    said = ((entry.key, [entry.caption] if entry.caption else []) for entry in narrated)
    work.write(said, len(scenes), rejects)
    write_provenance(work.beside(".optical.csv"), narrated, "filepath")
    work.finish(len(scenes), rejects, narrator.account.summary())
    journal.remove()


def _twin(scene: Scene, size: int) -> Pixels:
    """The optical twin as the captioner takes it, uint8 (size, size, 3)."""
    return resize(decode_image(Path(scene.twin or ""), _ANY_IMAGES, "optical"), size)
