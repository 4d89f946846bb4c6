"""The paper's claims beside ours, and the rule that gives each its verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sartext.core.config import Config
from sartext.core.errors import UserError
from sartext.leaderboard.scores import Score, Unavailable
from sartext.leaderboard.standings import Summary, summarise
from sartext.report.inputs import choose
from sartext.report.paired import Gain, gains

CLAIMS = Path("config/claims.yaml")

Verdict = Literal["reproduced", "direction only", "not reproduced", "not tested"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "direction only", "not reproduced", "not tested")
Need = Literal["real sources", "pretrained base"]


class Claim(BaseModel):
    """One claim, as ``config/claims.yaml`` holds it; the file's head explains the rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    claim: str
    version: str
    stated: Literal["read", "inferred", "control"]
    kind: Literal["count", "gain", "ratio", "order"]
    rule: str
    needs: tuple[Need, ...] = ()
    count: Literal["images"] | None = None
    task: str | None = None
    model: str | None = None
    metric: str | None = None
    better: str | None = None
    worse: str | None = None
    value: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        wanted = {"count"} if self.kind == "count" else {"task", "model", "metric", "better", "worse"}
        if self.kind != "order":
            wanted.add("value")
        for name in sorted(wanted):
            if getattr(self, name) is None:
                raise ValueError(f"a claim of kind {self.kind!r} needs {name!r}")
        return self


class _Claims(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    claims: Annotated[tuple[Claim, ...], Field(min_length=1)]


def load_claims(path: Path = CLAIMS) -> tuple[Claim, ...]:
    """Read the claims.

    Raises:
        UserError: the file is missing, not YAML, or an entry is not a claim.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _Claims.model_validate(raw).claims
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; it is part of the checkout: restore it") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(step) for step in fault["loc"])
        raise UserError(f"{path}: {where}: {fault['msg']}") from None


@dataclass(frozen=True)
class Judged:
    """A claim with what we found.

    Attributes:
        claim: the claim.
        verdict: by the claim's rule.
        better: our value of the better recipe, or our count.
        worse: our value of the recipe it is compared with.
        gain: our difference, if there is one.
        reason: why it was not tested or not reproduced, or why the verdict was held back; empty otherwise.
    """

    claim: Claim
    verdict: Verdict
    better: float | None = None
    worse: float | None = None
    gain: Gain | None = None
    reason: str = ""

    @property
    def ratio(self) -> float | None:
        """Our ratio, unless it would be one to nothing."""
        if self.better is None or not self.worse:
            return None
        return self.better / self.worse


def unmet(claim: Claim, config: Config) -> str:
    """Say which of a claim's needs a profile does not meet; empty if all are met."""
    if "real sources" in claim.needs and config.simulator is not None:
        return "the sources are simulated"
    if "pretrained base" in claim.needs:
        model = next((entry for name, entry in config.models.items() if name == claim.model), None)
        if model is not None and not model.base:
            return "the base model is random, not pretrained"
    return ""


def _limited(verdict: Verdict, config: Config) -> tuple[Verdict, str]:
    """What a verdict becomes where the data supports a direction at most."""
    if verdict == "reproduced" and config.simulator is not None:
        return "direction only", "simulated sources support a direction at most"
    if verdict == "reproduced" and config.evaluation.version == "draft":
        return "direction only", "a drafted benchmark supports a direction at most"
    return verdict, ""


def _measured(claim: Claim, difference: Gain, ratio: float | None) -> Verdict:
    """The verdict of the claim's rule on an interval above 0, before the data is considered."""
    if claim.kind == "gain" and claim.value is not None:
        return "reproduced" if difference.high >= claim.value else "direction only"
    if claim.kind == "ratio" and claim.value is not None:
        # better than nothing at all is more than any multiple
        return "reproduced" if ratio is None or ratio >= claim.value else "direction only"
    return "reproduced"


def judge(claim: Claim, scores: Sequence[Score], images: int | None, config: Config) -> Judged:
    """Give a claim its verdict.

    Args:
        claim: the claim.
        scores: the run's score files.
        images: images of SAR-TEXT; none if it was not built.
        config: the profile.
    """
    lack = unmet(claim, config)
    if claim.kind == "count":
        if images is None or lack:
            return Judged(claim, "not tested", better=images, reason=lack or "SAR-TEXT was not built")
        verdict, reason = _limited(
            "reproduced" if claim.value is not None and images >= claim.value else "not reproduced", config
        )
        return Judged(claim, verdict, better=images, reason=reason)
    found: list[Summary] = []
    for recipe in (claim.better, claim.worse):
        entries = choose(list(scores), str(claim.task), str(claim.model), str(recipe))
        summary = summarise(entries, str(claim.metric))
        if isinstance(summary, Unavailable):
            return Judged(
                claim, "not tested", reason=lack or f"{claim.metric} is unavailable: {summary.reason}"
            )
        if summary is None:
            return Judged(claim, "not tested", reason=lack or f"no score of {claim.model} {recipe}")
        found.append(summary)
    better, worse = (summary.value for summary in found)
    gained = gains(config, str(claim.task), str(claim.model), str(claim.better), str(claim.worse))
    difference = gained.get(str(claim.metric))
    if lack or difference is None:
        lack = lack or "no per-image statistics (items.json) beside the scores"
        return Judged(claim, "not tested", better, worse, difference, lack)
    if difference.low <= 0:
        reason = "the interval lies below 0" if difference.high < 0 else "the interval holds 0"
        return Judged(claim, "not reproduced", better, worse, difference, reason)
    judged = Judged(claim, "not tested", better, worse, difference)
    verdict, reason = _limited(_measured(claim, difference, judged.ratio), config)
    return Judged(claim, verdict, better, worse, difference, reason)
