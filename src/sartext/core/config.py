"""A profile: one complete YAML file, checked key by key.

Two kinds of reference are resolved when a profile is read: ``use: NAME`` of a source is the file
``config/sources/NAME.yaml``, and ``architecture: NAME`` of a model is ``config/models/NAME.yaml``. What a run
writes beside its results is the resolved profile, which needs no other file.
"""

import os
import re
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import sartext
from sartext.core.errors import UserError
from sartext.core.files import digest_json, write_text
from sartext.core.records import Modality

ModelName = Literal["clip", "coca", "gpt"]
RecipeName = Literal["base", "optical", "sar", "sar-matched", "joint", "two-stage"]
SourceFormat = Literal[
    "coco",
    "voc",
    "yolo",
    "dota",
    "mask",
    "pairs",
    "karpathy",
    "nwpu",
    "csv",
    "dialogues",
    "rsvqa",
    "opensarship",
]
NarratorBranch = Literal["a2c", "sa2c", "pair"]
DetectionRule = Literal["authors", "b2c"]
Wording = Literal["fixed", "varied"]
Places = Literal["center", "grid", "none"]
RewriterName = Literal["rules", "openai", "transformers"]
TaskName = Literal["osdataset_retrieval", "hrsid_retrieval", "captioning", "vqa"]

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RowName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]

DEFAULT_SAMPLES = "../shared/samples"
CONFIG_FOLDER = Path(sartext.__file__).resolve().parents[2] / "config"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitCounts(_Strict):
    """Images by split."""

    train: Count = Field(description="training images")
    val: Count = Field(description="validation images")
    test: Count = Field(description="test images")


class SimulatorConfig(_Strict):
    """The simulated sources: how many scenes, and how large. Left out where the sources are real."""

    image_size: Positive = Field(description="side of a scene, pixels")
    sources: dict[str, SplitCounts] = Field(description="images of each source to write, by split")


class Download(_Strict):
    """One file of a source that has a public, stable address."""

    url: str = Field(pattern=r"^https://", description="address")
    file: str = Field(description="where it is kept, below the source's root")
    digest: str = Field(
        pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$",
        description="sha256:HEX or md5:HEX, from where the entry's comments say; another digest is refused",
    )
    size: Count | None = Field(default=None, description="bytes, if known")
    unpack: bool = Field(default=False, description="an archive (zip, tar, tar.gz) to unpack into the root")


class SourceConfig(_Strict):
    """One source of images: what its files look like and where they lie."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="short name, used in scene ids and file names"
    )
    title: str = Field(description="name as written in tables")
    root: str = Field(description="folder of the source; ${SARTEXT_SAMPLES} is the folder of real samples")
    modality: Modality = Field(description="sar (narrated, into SAR-TEXT) or optical (stage 1)")
    format: SourceFormat = Field(description="which reader")
    layout: dict[str, str] = Field(
        description="format's file patterns below root; {split} is a split's name in the source"
    )
    splits: dict[str, str] = Field(
        default={},
        description="our split name to the source's; empty: no official split, ours is drawn by seed",
    )
    classes: dict[str, str | int | list[int]] = Field(
        default={}, description="boxes: source class to ours; masks: our class to its value or colour"
    )
    background: list[int | list[int]] = Field(
        default=[], description="mask values or colours that are no class"
    )
    ignore: list[int | list[int]] = Field(
        default=[], description="mask values or colours of no data, left out of shares"
    )
    tile_name: str | None = Field(
        default=None,
        description=(
            "pattern of an image's stem, or with / of the last parts of its path, that tells what it was cut "
            "from, {scene}, and if it says so where: {x0}, {x1}, {y0}, {y1}, pixels of that scene; other "
            "fields are free"
        ),
    )
    tiles_of: str | None = Field(
        default=None, description="the source that those larger scenes are of, if it has another name"
    )
    branches: list[NarratorBranch] = Field(
        default=[], description="narrator branches that caption it; none for optical"
    )
    resolution_m: float | None = Field(default=None, gt=0, description="metres a pixel")
    polarisation: str | None = Field(default=None, description="such as HH")
    expected_images: Count | None = Field(
        default=None,
        description="images the full source holds; a difference warns, at a fetch it is an error",
    )
    expected_boxes: Count | None = Field(
        default=None,
        description="annotated objects the full source holds; a difference warns, at a fetch it is an error",
    )
    digests: dict[str, str] = Field(
        default={}, description="SHA-256 of files below root, such as annotations; another digest is refused"
    )
    partial: bool = Field(
        default=False,
        description=(
            "the folder holds only a part of the source: images that are not there are counted, not refused"
        ),
    )
    limit: Positive | None = Field(
        default=None, description="read at most this many images a split, drawn by seed"
    )
    licence: str = Field(description="licence or terms")
    redistribute: bool = Field(
        default=False, description="whether those let others pass the images on: they go into a release"
    )
    citation: str = Field(description="paper or page the source comes from")
    obtain: str = Field(description="what to download and where to put it, said when the folder is missing")
    downloads: list[Download] = Field(
        default=[], description="its files that `sartext fetch` gets; the rest is as `obtain` says"
    )

    @property
    def folder(self) -> Path:
        """The source's root with ``${SARTEXT_SAMPLES}`` filled in."""
        samples = os.environ.get("SARTEXT_SAMPLES", DEFAULT_SAMPLES)
        return Path(self.root.replace("${SARTEXT_SAMPLES}", samples))


class ImagesConfig(_Strict):
    """How images become model input."""

    size: Positive = Field(description="side of the square the models see, pixels")
    max_rejected_share: Share = Field(
        description="more images than this set aside in one source stops the run"
    )
    max_pixels: Positive = Field(
        default=4_000_000, description="an image of more pixels is cut into tiles that do not overlap"
    )
    stretch_low: Annotated[float, Field(ge=0, lt=100)] = Field(
        default=1.0, description="percentile of a raster of more than 8 bits drawn black"
    )
    stretch_high: Annotated[float, Field(gt=0, le=100)] = Field(
        default=99.0,
        description="percentile of such a raster from where its brightness is bent; its brightest is white",
    )


class Sa2cWords(_Strict):
    """Wording of SA2C: the paper's is not published."""

    image: str = Field(default="this SAR image", description="what the caption calls the image")
    dominant_one: str = Field(default="dominates", description="verb of one dominant class")
    dominant_many: str = Field(default="dominate", description="verb of a plural, or of several")
    large: str = Field(default="a large part", description="what a large class covers")
    small: str = Field(default="a small part", description="what a small class covers")


class RewriterConfig(_Strict):
    """Who gives an optical caption SAR wording; endpoint and key of `openai` come from the environment."""

    name: RewriterName = Field(
        default="rules",
        description=(
            "rules (offline), openai (any OpenAI-compatible server: OPENAI_BASE_URL, OPENAI_API_KEY) "
            "or transformers (a local causal model)"
        ),
    )
    model: str | None = Field(
        default=None, description="openai: the server's name of the model; transformers: its folder or hub id"
    )
    prompt: str = Field(
        default="sar-rewrite", description="file of config/prompts: instruction and in-context examples"
    )
    concurrency: Positive = Field(default=4, description="openai: requests under way at once")
    requests_per_minute: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="openai: at most this many requests started a minute; none: no limit"
    )
    retries: Count = Field(
        default=5,
        description="openai: tries after a failed request, with growing pauses, before falling back",
    )
    timeout_s: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="openai: seconds a request may take"
    )
    max_tokens: Positive = Field(default=96, description="most tokens of an answer")
    temperature: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="of the model's sampling; 0: greedy"
    )
    prompt_price: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="price of a million prompt tokens, for the cost in the summary"
    )
    completion_price: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="price of a million answer tokens"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "RewriterConfig":
        if self.name != "rules" and not self.model:
            raise ValueError(f"model: missing; rewriter {self.name} needs the name of a language model")
        return self


class NarratorConfig(_Strict):
    """SAR-Narrator."""

    rule: DetectionRule = Field(
        default="authors",
        description=(
            "A2C: authors (two captions: all classes with counts, and by place) or b2c (RemoteCLIP's five)"
        ),
    )
    wording: Wording = Field(
        default="fixed", description="A2C and SA2C: one wording, or varied: drawn for each image by seed"
    )
    places: Places = Field(
        default="center",
        description=(
            "A2C, second caption: center and edge (the authors'), grid (nine places), or none (left out)"
        ),
    )
    dominant_share: Share = Field(
        default=0.5, description="SA2C: from this share on a class dominates the scene"
    )
    large_share: Share = Field(
        default=0.2, description="SA2C: from this share on a class covers a large part"
    )
    minor_share: Share = Field(default=0.02, description="SA2C: below this share a class is not named")
    sa2c_words: Sa2cWords = Sa2cWords()
    pair_beams: Positive = Field(default=4, description="beams of the optical captioner")
    rewriter: RewriterConfig = RewriterConfig()
    damage: Annotated[list[Share], Field(min_length=1)] = Field(
        default=[0.1, 0.25, 0.5],
        description=(
            "shares of objects or mask that are missed, moved or mislabelled, to chart fidelity against"
        ),
    )

    @model_validator(mode="after")
    def _consistent(self) -> "NarratorConfig":
        if not self.minor_share <= self.large_share <= self.dominant_share:
            raise ValueError("expected minor_share <= large_share <= dominant_share")
        return self


class DatasetConfig(_Strict):
    """Building SAR-TEXT."""

    val_share: Share = Field(default=0.1, description="val share of sources without official splits")
    test_share: Share = Field(default=0.1, description="test share of sources without official splits")
    phash_distance: Annotated[int, Field(ge=0, le=8)] = Field(
        default=4,
        description="images whose perceptual hashes are at most this far apart (bits, even) may be the same",
    )
    max_caption_words: Positive = Field(
        default=77, description="a caption of more words is dropped and counted"
    )
    questions_per_image: Positive = Field(default=6, description="at most this many questions an image")
    shard_images: Positive = Field(default=4096, description="most images of a WebDataset shard")


class TrainingConfig(_Strict):
    """How one model is trained; the same for all its recipes."""

    seeds: Annotated[list[Count], Field(min_length=1)] = Field(
        description="one training run each; the first is the captioner's"
    )
    stage1_samples: Positive = Field(description="N1: samples seen in stage 1, optical")
    stage2_samples: Positive = Field(description="N2: samples seen in stage 2, SAR-TEXT")
    batch_size: Positive = Field(description="samples a step, over all processes")
    micro_batch_size: Positive | None = Field(
        default=None,
        description=(
            "samples a process takes through the network at a time; the gradients of a step's micro-batches "
            "add up; none: its whole share of the batch at once"
        ),
    )
    activation_checkpointing: bool = Field(
        default=False,
        description="forget activations and compute them again on the way back: less memory, a third slower",
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(description="peak learning rate of AdamW")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        description="AdamW's decay of matrices; gains and biases have none"
    )
    warmup_share: Share = Field(
        description="share of a stage's steps that warms up linearly; the rest is a cosine"
    )
    clip_norm: Annotated[float, Field(gt=0)] = Field(description="gradient norm is clipped to this")
    val_interval: Positive = Field(description="steps between losses on val")
    checkpoint_interval: Positive = Field(description="steps between checkpoints to resume from")
    caption_weight: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="CoCa: weight of the caption loss"
    )
    contrastive_weight: Annotated[float, Field(ge=0)] = Field(
        default=1.0, description="CoCa: weight of the contrastive loss"
    )


class WeightsConfig(_Strict):
    """A file of weights made elsewhere: safetensors, or tensors that torch reads without running code."""

    path: str | None = Field(default=None, description="the file, where it lies here")
    hub: str | None = Field(
        default=None,
        pattern=r"^[^/\s]+/[^/\s]+$",
        description="repository of the Hugging Face hub; with `file`",
    )
    file: str | None = Field(default=None, description="file of that repository")
    revision: str | None = Field(default=None, description="commit of that repository; none: its newest")
    digest: Digest | None = Field(
        default=None,
        description="SHA-256 of the file; another one is refused before it is read; none: not known",
    )
    take: list[str] = Field(
        default=[], description="beginnings of the names in the file that are taken; none: all"
    )
    into: str = Field(default="", description="what is put before those names, such as language_model.")
    obtain: str = Field(default="", description="where the file comes from, said when it is missing")

    @model_validator(mode="after")
    def _consistent(self) -> "WeightsConfig":
        if (self.path is None) == (self.hub is None):
            raise ValueError("expected either path or hub")
        if (self.hub is None) != (self.file is None):
            raise ValueError("hub and file go together")
        return self


class LoraConfig(_Strict):
    """LoRA of GPT's text model (Hu et al. 2021): a matrix of low rank is learned beside a frozen one."""

    rank: Positive = Field(description="rank of the added matrices")
    alpha: Annotated[float, Field(gt=0)] = Field(description="they count alpha / rank times")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.0, description="of their input")
    targets: Annotated[list[str], Field(min_length=1)] = Field(
        description="layers of the text model that get them, by the last part of their names"
    )


class ReleasedConfig(_Strict):
    """Released weights of the same kind of model, evaluated on its tasks and never trained."""

    title: str = Field(description="name as written in tables")
    path: str | None = Field(
        default=None, description="the file, where it lies here; none: left out of the run"
    )
    digest: Digest | None = Field(
        default=None,
        description="SHA-256 of the file; another one is refused before it is read; none: not known",
    )
    architecture: dict[str, Any] | None = Field(
        default=None, description="as the model's, where theirs differs; or a name in config/models"
    )
    obtain: str = Field(description="where the file comes from, said when it is missing")


class ModelConfig(_Strict):
    """One of the three models."""

    title: str = Field(description="name as written in tables")
    architecture: dict[str, Any] = Field(
        description="open_clip model_cfg, or BLIP-2's configs; or a name in config/models"
    )
    tokenizer: str = Field(
        default="learned",
        description=(
            "learned (`vocabulary` entries, from the run's texts), clip (that of OpenAI's CLIP), or folder "
            "or hub id of a Hugging Face tokenizer"
        ),
    )
    context_length: Positive = Field(description="tokens of a text, start and end included")
    base: list[WeightsConfig] = Field(
        default=[], description="weights that its recipes start from; none: drawn by the run's seed"
    )
    fresh: list[str] = Field(
        default=[], description="patterns of parameters that `base` does not hold; they are drawn by the seed"
    )
    frozen: list[str] = Field(
        default=[],
        description=(
            "GPT: patterns of parameters that are not trained, and held in bfloat16; the last that fits "
            "counts, and one that starts with ! means trained"
        ),
    )
    lora: LoraConfig | None = Field(default=None, description="GPT: LoRA of its text model; none: no LoRA")
    training: TrainingConfig
    tasks: list[TaskName] = Field(description="benchmark tasks it is evaluated on")
    released: dict[RowName, ReleasedConfig] = Field(
        default={}, description="rows of released weights; published: those of the paper's authors"
    )


class EngineConfig(_Strict):
    """DeepSpeed and the machine."""

    zero_stage: Literal[0, 1, 2, 3] = Field(description="ZeRO stage")
    processes: Positive = Field(default=1, description="training processes (one a GPU)")
    threads: Positive = Field(default=2, description="CPU threads a process")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="gloo on cpu, NCCL on cuda")
    precision: Literal["float32", "bfloat16"] = Field(default="float32", description="of the trained parts")
    workers: Count = Field(
        default=0, description="processes beside each training process that prepare its batches; 0: none"
    )
    wandb: bool = Field(
        default=False, description="log to Weights & Biases too, which must be installed and logged in"
    )

    @property
    def arithmetic(self) -> dict[str, Any]:
        """What of it decides the weights: how batches are prepared and who watches does not."""
        return self.model_dump(mode="json", exclude={"workers", "wandb"})


class EvaluationConfig(_Strict):
    """The fixed benchmark and its scores."""

    version: str = Field(
        pattern=r"^(v[0-9]+|draft)$",
        description=(
            "frozen benchmark version; draft: made from this run's own images, "
            "for sources that may not be committed and for choosing settings on val"
        ),
    )
    split: Literal["val", "test"] = Field(
        default="test",
        description=(
            "split that is evaluated; val, for choosing settings, goes with version draft only "
            "(a source without official val has the share drawn by dataset.val_share)"
        ),
    )
    bootstrap_samples: Positive = Field(
        default=1000, description="bootstrap draws of scores' intervals (differences of recipes have 10,000)"
    )
    beams: Positive = Field(default=6, description="beams of captions on the benchmark")
    caption_length: Positive = Field(default=40, description="most tokens of a caption")
    answer_length: Positive = Field(default=10, description="most tokens of an answer")
    batch_size: Positive = Field(default=32, description="images a prediction batch")

    @model_validator(mode="after")
    def _consistent(self) -> "EvaluationConfig":
        if self.split == "val" and self.version != "draft":
            raise ValueError(
                f"split: val goes with 'version: draft'; {self.version} is frozen and holds test images only"
            )
        return self


class Config(_Strict):
    """A whole profile."""

    profile: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="name; results and reports lie under it")
    data_note: str = Field(description="what the data is, said on every table and page")
    seed: Count = Field(description="seed of everything random outside training")
    disk_gb: Annotated[float, Field(gt=0)] = Field(
        description="free disk a run needs, checked before it starts"
    )
    simulator: SimulatorConfig | None = Field(
        default=None, description="simulated sources; none: the sources are real"
    )
    sources: Annotated[list[SourceConfig], Field(min_length=1)] = Field(description="where images come from")
    images: ImagesConfig
    narrator: NarratorConfig = NarratorConfig()
    dataset: DatasetConfig = DatasetConfig()
    vocabulary: Positive = Field(
        description="most entries of the byte-pair vocabulary learned from the run's texts"
    )
    models: dict[ModelName, ModelConfig] = Field(
        min_length=1, description="the models to train: clip, coca, gpt"
    )
    recipes: Annotated[list[RecipeName], Field(min_length=1)] = Field(
        description="training recipes to compare"
    )
    engine: EngineConfig
    evaluation: EvaluationConfig

    @model_validator(mode="after")
    def _consistent(self) -> "Config":
        names = [source.name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"sources: the name {name!r} is given twice; expected unique names")
        if len(set(self.recipes)) != len(self.recipes):
            raise ValueError("recipes: a recipe is given twice; expected each once")
        if any("pair" in source.branches for source in self.sources) and "coca" not in self.models:
            raise ValueError(
                "models: a source uses the pair branch, which needs 'coca' to caption its optical twins"
            )
        for name, model in self.models.items():
            if name != "gpt" and (model.frozen or model.lora):
                raise ValueError(f"models.{name}: frozen and lora are for gpt only")
            taken = sorted(set(model.released) & set(typing.get_args(RecipeName)))
            if taken:
                raise ValueError(f"models.{name}.released: {taken[0]!r} is a recipe; choose another name")
        if "two-stage" in self.recipes and "optical" not in self.recipes:
            raise ValueError("recipes: 'two-stage' starts from 'optical'; name both")
        if "optical" not in self.recipes and any("pair" in source.branches for source in self.sources):
            raise ValueError("recipes: the pair branch captions with CoCa 'optical'; name 'optical'")
        return self

    def source(self, name: str) -> SourceConfig:
        """Return the source called `name`, or raise `UserError` with the names there are."""
        for source in self.sources:
            if source.name == name:
                return source
        raise UserError(
            f"{self.profile}: no source {name!r}; expected one of {', '.join(s.name for s in self.sources)}"
        )

    def model(self, name: str) -> ModelConfig:
        """Return the model called `name`, or raise `UserError` with the names there are."""
        for key, model in self.models.items():
            if key == name:
                return model
        raise UserError(f"{self.profile}: no model {name!r}; expected one of {', '.join(self.models)}")

    def released(self, name: str) -> dict[str, ReleasedConfig]:
        """Return the released weights that a model is evaluated beside: those with a path."""
        return {row: entry for row, entry in self.model(name).released.items() if entry.path is not None}

    def rows(self, name: str) -> list[tuple[str, list[int]]]:
        """Return a model's rows: recipes with their seeds, then released weights, with seed 0."""
        seeds = list(self.model(name).training.seeds)
        trained: list[tuple[str, list[int]]] = [(recipe, seeds) for recipe in self.recipes]
        return [*trained, *((row, [0]) for row in self.released(name))]

    def row_title(self, name: str, row: str) -> str:
        """Return the title of a model, or of released weights, as written in tables."""
        model = self.model(name)
        return model.released[row].title if row in model.released else model.title

    @property
    def results(self) -> Path:
        """Where this profile's results go."""
        return Path("results") / self.profile

    @property
    def reports(self) -> Path:
        """Where this profile's reports go."""
        return Path("reports") / self.profile

    def digest(self) -> str:
        """Return the SHA-256 of the resolved profile."""
        return digest_json(self.model_dump(mode="json"))


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice: the first value would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def _load_yaml(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; expected a YAML config") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None


def _referenced(folder: Path, name: Any, where: str, kind: str) -> dict[str, Any]:
    known = sorted(entry.stem for entry in (folder / kind).glob("*.yaml"))
    if not isinstance(name, str) or name not in known:
        raise UserError(
            f"{where}: unknown name {name!r}; expected one of {', '.join(known) or '(none there)'} "
            f"(files of {folder / kind})"
        )
    content = _load_yaml(folder / kind / f"{name}.yaml")
    if not isinstance(content, dict):
        raise UserError(f"{folder / kind / name}.yaml: expected a mapping")
    return content


def _with_architecture(entry: Any, where: str, folder: Path) -> Any:
    """A model's entry with the file of its architecture in place of the name."""
    if not isinstance(entry, dict) or not isinstance(entry.get("architecture"), str):
        return entry
    known = _referenced(folder, entry["architecture"], f"{where}.architecture", "models")
    return {**entry, "architecture": known}


def resolve(raw: Any, origin: str, folder: Path = CONFIG_FOLDER) -> dict[str, Any]:
    """Put the files that a raw profile refers to in place of their names.

    Args:
        raw: the parsed YAML.
        origin: name of the file, for errors.
        folder: the config folder that holds ``sources/`` and ``models/``.
    """
    if not isinstance(raw, dict):
        raise UserError(f"{origin}: expected a mapping of config keys at the top")
    resolved = dict(raw)
    if isinstance(raw.get("sources"), list):
        sources = []
        for index, entry in enumerate(raw["sources"]):
            if isinstance(entry, dict) and "use" in entry:
                known = _referenced(folder, entry["use"], f"{origin}: sources.{index}.use", "sources")
                entry = {**known, **{key: value for key, value in entry.items() if key != "use"}}
            sources.append(entry)
        resolved["sources"] = sources
    if isinstance(raw.get("models"), dict):
        models = {}
        for name, entry in raw["models"].items():
            entry = _with_architecture(entry, f"{origin}: models.{name}", folder)
            if isinstance(entry, dict) and isinstance(entry.get("released"), dict):
                rows = {
                    row: _with_architecture(weights, f"{origin}: models.{name}.released.{row}", folder)
                    for row, weights in entry["released"].items()
                }
                entry = {**entry, "released": rows}
            models[name] = entry
        resolved["models"] = models
    return resolved


def _nearest(key: str, model: type[BaseModel]) -> str:
    import difflib

    close = difflib.get_close_matches(key, model.model_fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known keys: {', '.join(model.model_fields)}"


def _section(path: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model class that a location inside a profile belongs to, to suggest a key."""
    here: type[BaseModel] | None = Config
    inside_container = False
    for step in path:
        if inside_container:
            # an index of a list or a key of a mapping: the class is already that of the entries
            inside_container = False
            continue
        field = here.model_fields.get(str(step)) if here else None
        if field is None:
            return None
        candidates = [field.annotation, *typing.get_args(field.annotation)]
        candidates += [part for candidate in candidates[1:] for part in typing.get_args(candidate)]
        inside_container = any(typing.get_origin(candidate) in (list, dict) for candidate in candidates)
        here = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
    return here


def parse_config(raw: Any, origin: str, folder: Path = CONFIG_FOLDER) -> Config:
    """Check a raw profile and return it resolved.

    Raises:
        UserError: a key is unknown, missing or has a wrong value; the first fault is told with its path.
    """
    try:
        return Config.model_validate(resolve(raw, origin, folder))
    except ValidationError as error:
        # a mistyped key is both unknown and missing: name what was typed
        fault = sorted(error.errors(), key=lambda entry: entry["type"] != "extra_forbidden")[0]
        path = tuple(step for step in fault["loc"] if step != "[key]")
        where = ".".join(str(step) for step in path) or "(top)"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        if fault["type"] == "extra_forbidden":
            section = _section(path[:-1])
            hint = _nearest(str(path[-1]), section) if section else ""
            raise UserError(f"{origin}: {where}: unknown key{hint}{more}") from None
        if fault["type"] == "missing":
            raise UserError(
                f"{origin}: {where}: missing; see config/README.md for what it means{more}"
            ) from None
        message = re.sub(r"^Value error, ", "", fault["msg"])
        given = "" if fault["type"] == "value_error" else f" (given: {fault.get('input')!r:.80})"
        raise UserError(f"{origin}: {where}: {message}{given}{more}") from None


def load_config(path: Path | str) -> Config:
    """Read a profile, raw or resolved.

    Raises:
        UserError: as `parse_config`, or the file is missing or not YAML.
    """
    path = Path(path)
    return parse_config(_load_yaml(path), str(path))


def save_config(config: Config, path: Path | str) -> None:
    """Write the resolved profile as YAML, unless the file already says the same."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
    path = Path(path)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
