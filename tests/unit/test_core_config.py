"""Profiles: what is accepted, and what a mistake is answered with."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sartext.core.config import load_config, parse_config, resolve, save_config
from sartext.core.config_reference import MARK, reference
from sartext.core.errors import DatasetNotFoundError, UserError
from sartext.core.preflight import check_disk, check_sources


@pytest.fixture
def raw(root: Path) -> dict[str, Any]:
    profile: dict[str, Any] = yaml.safe_load((root / "config" / "smoke.yaml").read_text())
    return copy.deepcopy(profile)


def test_every_profile_loads_and_its_resolved_form_is_the_same(root: Path, tmp_path: Path) -> None:
    profiles = sorted((root / "config").glob("*.yaml"))
    names = {path.stem for path in profiles} - {"claims", "datasets"}
    assert {"smoke", "samples"} <= names
    for name in sorted(names):
        config = load_config(root / "config" / f"{name}.yaml")
        assert config.profile == name
        save_config(config, tmp_path / f"{name}.yaml")
        assert load_config(tmp_path / f"{name}.yaml").digest() == config.digest()


def test_a_reference_is_replaced_by_its_file_and_may_be_overridden(raw: dict[str, Any]) -> None:
    hrsid = resolve(raw, "smoke")["sources"][0]
    assert hrsid["format"] == "coco"
    assert hrsid["root"] == "data/simulated/smoke/hrsid"
    assert "use" not in hrsid


def _set(raw: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    here: Any = raw
    for step in parents:
        here = here[int(step)] if isinstance(here, list) else here[step]
    here[last] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("vocabluary", 3, "vocabluary: unknown key; did you mean 'vocabulary'?"),
        ("models.clip.training.learning_rat", 3, "did you mean 'learning_rate'?"),
        (
            "models.clip.training.learning_rate",
            -1,
            "models.clip.training.learning_rate: Input should be greater than 0",
        ),
        ("recipes", ["base", "two-stages"], "recipes.1: Input should be 'base'"),
        ("recipes", ["base", "two-stage"], "starts from 'optical'"),
        ("recipes", ["optical", "optical"], "given twice"),
        ("models.blip", {}, "models.blip"),
        ("models.clip.architecture", "clip-huge", "unknown name 'clip-huge'; expected one of"),
        ("sources.0.use", "hrsids", "unknown name 'hrsids'; expected one of"),
        ("sources.0.use", "../smoke", "unknown name '../smoke'"),
        ("sources", [], "sources: List should have at least 1 item"),
        ("sources.1.name", "hrsid", "the name 'hrsid' is given twice"),
        ("engine.zero_stage", 4, "engine.zero_stage"),
        ("images.max_rejected_share", 1.5, "images.max_rejected_share"),
        ("evaluation.version", "latest", "evaluation.version"),
        ("evaluation.split", "val", "evaluation: split: val goes with 'version: draft'; v0 is frozen"),
        ("evaluation.split", "train", "evaluation.split: Input should be 'val' or 'test'"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_its_path(
    raw: dict[str, Any], path: str, value: Any, said: str
) -> None:
    _set(raw, path, value)
    with pytest.raises(UserError) as error:
        parse_config(raw, "my.yaml")
    assert said in str(error.value)
    assert str(error.value).startswith("my.yaml: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "", "a: b: c", "seed: 0\nseed: 1\n"])
def test_a_file_that_is_no_profile_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"broken\.yaml"):
        load_config(path)


def test_a_missing_source_folder_says_what_to_get_and_where_to_put_it(raw: dict[str, Any]) -> None:
    raw["simulator"] = None
    raw["sources"][0]["root"] = "no/such/folder"
    with pytest.raises(DatasetNotFoundError, match=r"no folder no/such/folder; to get it: HRSID from"):
        check_sources(parse_config(raw, "my.yaml"))


def test_the_samples_folder_is_taken_from_the_environment(
    raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SARTEXT_SAMPLES", str(tmp_path))
    raw["sources"][0]["root"] = "${SARTEXT_SAMPLES}/ssdd"
    assert parse_config(raw, "my.yaml").source("hrsid").folder == tmp_path / "ssdd"


def test_too_little_disk_is_told_before_the_run(raw: dict[str, Any], tmp_path: Path) -> None:
    config = parse_config(raw | {"disk_gb": 1e9, "profile": "none-such"}, "my.yaml")
    with pytest.raises(UserError, match=r"needs 1000000000\.0 GiB of free disk"):
        check_disk(config, tmp_path)
    check_disk(parse_config(raw | {"disk_gb": 1e-9}, "my.yaml"), tmp_path)


def test_the_readme_explains_every_key(root: Path) -> None:
    text = (root / "config" / "README.md").read_text()
    assert text.split(MARK)[1].strip() == reference().strip(), "run python -m sartext.core.config_reference"
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 70
    assert all(row.split(" | ")[3].strip(" |") for row in rows), "a key without a meaning"
