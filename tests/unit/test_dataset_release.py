"""A version of SAR-TEXT: all of it or nothing; what it holds, what it says of changes, what it refuses."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from release_files import (
    FOLDER,
    POINTER,
    RESULTS,
    Build,
    copy_repository,
    dvc,
    git,
    isolate,
    make_repository,
    record,
    snapshot,
)

from sartext.core.config import load_config
from sartext.core.errors import UserError
from sartext.core.files import list_files, read_json, sha256_file, verify_manifest, write_json, write_text
from sartext.core.pointers import folder_md5, md5_file, read_pointer
from sartext.core.provenance import code_digest
from sartext.core.records import Caption, Question, Scene
from sartext.core.tables import read_captions, read_questions, read_scenes, write_records
from sartext.dataset.release import release
from sartext.dataset.release.code import made_of
from sartext.dataset.release.remotes import push_remote
from sartext.dataset.release.tools import commit_and_tag
from sartext.dataset.release.versions import last_release

TAG = "sar-text-tests@v1.0.0"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a build, not yet released."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        isolate(folder / "home", patch)
        make_repository(folder / "project", "../store")
        patch.chdir(folder / "project")
        Build().write()
    return folder / "project"


@pytest.fixture(scope="module")
def released_once(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with version 1.0.0 released."""
    folder = tmp_path_factory.mktemp("released") / "project"
    with pytest.MonkeyPatch.context() as patch:
        isolate(folder.parent / "home", patch)
        copy_repository(made, folder)
        patch.chdir(folder)
        release(Build().config, "1.0.0")
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path / "home", monkeypatch)
    copy_repository(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def released(released_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(tmp_path / "home", monkeypatch)
    copy_repository(released_once, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def _sartext(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sartext", *arguments], capture_output=True, text=True, check=False
    )


def test_a_version_is_a_folder_a_pointer_a_commit_and_a_tag(released: Path) -> None:
    assert git("status", "--porcelain") == ""
    assert git("rev-list", "--count", "HEAD") == "2"
    assert git("diff", "--name-only", "HEAD~1").split() == ["data/sar-text/.gitignore", str(POINTER)]
    assert git("cat-file", "-t", TAG) == "tag", "annotated"
    assert git("rev-parse", f"{TAG}^{{commit}}") == git("rev-parse", "HEAD")
    assert folder_md5(FOLDER) == read_pointer(POINTER)
    assert git("check-ignore", str(FOLDER)) == str(FOLDER)
    record = read_json(FOLDER / "VERSION.json")
    assert record["commit"] == git("rev-parse", "HEAD~1")
    assert record["content"] in git("for-each-ref", "--format=%(contents)", f"refs/tags/{TAG}")
    assert record["code"]["sartext.dataset.build"] == code_digest("sartext.dataset.build")
    assert record["version"] == "1.0.0"
    assert record["previous"] is None
    assert record["changes"] is None
    assert record["config_digest"] == Build().config.digest()
    assert git("ls-files", ".snakemake") == ""
    assert sorted(path.name for path in FOLDER.parent.iterdir()) == [".gitignore", "tests", "tests.dvc"]


def test_its_files_are_listed_with_their_digests(released: Path) -> None:
    verify_manifest(FOLDER, FOLDER / "VERSION.json")
    (FOLDER / "captions.parquet").chmod(0o644)
    (FOLDER / "captions.parquet").write_bytes(b"")
    with pytest.raises(UserError, match=r"captions\.parquet: changed"):
        verify_manifest(FOLDER, FOLDER / "VERSION.json")


def test_its_counts_are_those_of_its_tables(released: Path) -> None:
    counts = read_json(FOLDER / "VERSION.json")["counts"]
    assert counts["images"] == {"all": 10, "train": 6, "val": 2, "test": 2}
    # of the closed source, its own caption and question of each image stay with it
    assert counts["captions"] == {"all": 25, "a2c": 20, "sa2c": 0, "pair": 0, "given": 5}
    assert {kind: n for kind, n in counts["questions"].items() if n} == {
        "all": 15,
        "presence": 5,
        "count": 10,
    }
    assert counts["by_source"]["closed"] == {
        "images": {"all": 5, "train": 3, "val": 1, "test": 1},
        "captions": 10,
        "questions": 5,
    }


def test_images_are_called_by_source_and_stem(released: Path) -> None:
    scenes = read_scenes(FOLDER / "scenes.parquet")
    assert [scene.image for scene in scenes[:2]] == ["open/images/a0.png", "open/images/a1.png"]
    exported = (FOLDER / "exports" / "sartext.csv").read_text().splitlines()
    assert exported[1] == "open/images/a0.png,There is a ship."
    coco = read_json(FOLDER / "exports" / "captions_val.json")
    assert [image["file_name"] for image in coco["images"]] == ["open/images/a3.png", "closed/images/a3.png"]
    for path in list_files(FOLDER):
        content = (FOLDER / path).read_bytes()
        assert b"data/sources" not in content, path
        assert os.fsencode(released) not in content, path


def test_a_source_with_twins_names_them_below_itself(project: Path) -> None:
    build = Build()
    build.change("open/images/a0", twin="data/sources/open/optical/b7.png")
    build.write()
    release(build.config, "1.0.0", texts_only=True)
    assert read_scenes(FOLDER / "scenes.parquet")[0].twin == "open/optical/b7.png"
    build.change("open/images/a0", twin="/elsewhere/b7.png")
    build.write()
    with pytest.raises(UserError, match=r"^open/images/a0: twin: /elsewhere/b7\.png is not below"):
        release(build.config, "1.1.0")


def test_what_may_not_be_passed_on_is_left_out_and_said(released: Path) -> None:
    assert [path.name for path in (FOLDER / "shards").iterdir() if path.is_dir()] == ["open"]
    (entry,) = read_json(FOLDER / "VERSION.json")["withheld"]
    assert entry == {
        "source": "closed",
        "title": "closed",
        "licence": "research use",
        "obtain": "from its authors",
        "reason": "licence",
        "images": 5,
        "captions": 5,
        "questions": 5,
    }
    for scene in read_scenes(FOLDER / "scenes.parquet"):
        whole = (bool(scene.boxes), bool(scene.captions), bool(scene.dialogue))
        assert whole == ((True,) * 3 if scene.source == "open" else (False,) * 3)
    said = read_captions(FOLDER / "captions.parquet")
    assert {one.branch for one in said if one.scene_id.startswith("closed/")} == {"a2c"}
    asked = read_questions(FOLDER / "questions.parquet")
    assert {one.type for one in asked if one.scene_id.startswith("closed/")} == {"count"}
    for path in list_files(FOLDER / "exports"):
        assert b"the words of closed" not in (FOLDER / "exports" / path).read_bytes(), path
    # nor does an example show what it annotated
    assert list(read_json(FOLDER / "statistics.json")["examples"]) == ["given"]


def test_the_shards_are_those_of_the_build(released: Path) -> None:
    built = RESULTS / "sartext" / "shards" / "open"
    names = {path.name for path in list_files(built) if path.suffix == ".tar"}
    assert names == {"train-000000.tar", "val-000000.tar", "test-000000.tar"}
    for name in [*names, "manifest.json"]:
        assert sha256_file(FOLDER / "shards" / "open" / name) == sha256_file(built / name)
    assert os.stat(built / "val-000000.tar").st_mode & 0o200, "the build's own stay writable"
    rows = pq.read_table(FOLDER / "exports" / "parquet" / "val.parquet").to_pylist()
    assert [(row["filepath"], row["shard"]) for row in rows] == [
        ("open/images/a3.png", "open/val-000000.tar"),
        ("closed/images/a3.png", None),
    ]


def test_texts_only_holds_no_image(project: Path) -> None:
    made = release(Build().config, "1.0.0", texts_only=True)
    assert not (FOLDER / "shards").exists()
    assert {entry["source"]: entry["reason"] for entry in made.record["withheld"]} == {
        "open": "texts only",
        "closed": "licence",
    }
    assert not any(path.suffix in (".png", ".jpg", ".tar") for path in list_files(FOLDER))


def test_dvc_gives_a_version_to_others(released: Path, tmp_path: Path) -> None:
    assert dvc("push", "-q").returncode == 0
    clone = tmp_path / "clone"
    git("clone", "-q", str(released), str(clone))
    assert dvc("pull", "-q", cwd=clone).returncode == 0
    assert verify_manifest(clone / FOLDER, clone / FOLDER / "VERSION.json")
    got = dvc(
        "artifacts", "get", str(released), "sar-text-tests", "--rev", "v1.0.0", "-o", "got", cwd=tmp_path
    )
    assert got.returncode == 0, got.stderr
    verify_manifest(tmp_path / "got", tmp_path / "got" / "VERSION.json")
    table = f"{FOLDER}/captions.parquet"
    done = dvc("get", "-q", str(released), table, "--rev", TAG, "-o", "one.parquet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sha256_file(tmp_path / "one.parquet") == sha256_file(FOLDER / "captions.parquet")


def _change_all(build: Build) -> None:
    """Of source open: one image more, one gone, one changed by its record and one by its pixels."""
    last = build.scenes[4]
    build.scenes = [scene for scene in build.scenes if scene.scene_id != "open/images/a0"]
    build.change("open/images/a1", resolution_m=5.0)
    build.images["open/images/a2"] = build.images["open/images/a2"][::-1].copy()
    added = "open/images/new"
    build.images[added] = build.images["open/images/a0"]
    build.scenes.insert(
        4, type(last)(added, "open", "train", "sar", "data/sources/open/images/new.png", 32, 32)
    )
    # the image that went had 3 captions and 2 questions
    build.captions = [one for one in build.captions if one.scene_id != "open/images/a0"]
    build.questions = [one for one in build.questions if one.scene_id != "open/images/a0"]
    build.captions += [Caption(added, "a2c", "New."), Caption(added, "a2c", "Newer.")]
    # one caption of closed says something else now, and one question has another answer
    at = build.captions.index(Caption("closed/images/a0", "a2c", "There is a ship."))
    build.captions[at] = Caption("closed/images/a0", "a2c", "There is one ship.")
    at = build.questions.index(
        Question("closed/images/a4#2", "closed/images/a4", "count", "How many ships are there?", "1")
    )
    build.questions[at] = Question(
        "closed/images/a4#2", "closed/images/a4", "count", "How many ships are there?", "2"
    )


def _ways(added: int, removed: int, changed: int) -> dict[str, int]:
    return {"added": added, "removed": removed, "changed": changed}


CHANGES = {
    "images": {"open": _ways(1, 1, 2)},
    "captions": {"closed": _ways(0, 0, 1), "open": _ways(2, 3, 0)},
    "questions": {"closed": _ways(0, 0, 1), "open": _ways(0, 2, 0)},
}


def test_a_version_tells_what_changed_since_the_last(released: Path) -> None:
    build = Build()
    _change_all(build)
    build.write()
    made = release(build.config, "1.1.0")
    assert made.record["changes"] == CHANGES
    assert made.record["previous"] == "1.0.0"
    told = (FOLDER / "CHANGES.md").read_text()
    assert "| open | 1 | 1 | 2 | 2 | 3 | 0 | 0 | 2 | 0 |" in told
    assert told.index("## 1.1.0") < told.index("## 1.0.0") < told.index("The first version.")
    assert git("tag").split() == [TAG, "sar-text-tests@v1.1.0"]
    assert dvc("checkout", "-q").returncode == 0
    assert git("status", "--porcelain") == ""


def test_the_last_version_comes_from_the_remote_if_it_is_not_here(released: Path) -> None:
    assert dvc("push", "-q").returncode == 0
    shutil.rmtree(FOLDER)
    shutil.rmtree(".dvc/cache")
    build = Build()
    _change_all(build)
    build.write()
    assert release(build.config, "1.1.0").record["changes"] == CHANGES


def test_a_last_version_that_is_nowhere_is_named(released: Path) -> None:
    shutil.rmtree(".dvc/cache")
    build = Build()
    _change_all(build)
    build.write()
    before = snapshot()
    with pytest.raises(UserError, match=rf"^data/sar-text/tests/VERSION\.json of {TAG}: needed to tell"):
        release(build.config, "1.1.0")
    assert snapshot() == before


@pytest.mark.parametrize("name", ["VERSION.json", "captions.parquet"])
def test_a_damaged_last_version_is_not_compared_with(released: Path, name: str) -> None:
    build = Build()
    _change_all(build)
    build.write()
    whole = (FOLDER / name).read_bytes()
    (cached,) = (
        path for path in Path(".dvc/cache").rglob("*") if path.is_file() and path.read_bytes() == whole
    )
    cached.chmod(0o644)
    digest = sha256_file(FOLDER / "captions.parquet").encode()
    cached.write_bytes(whole.replace(digest, digest[::-1]) if name == "VERSION.json" else whole[:-1])
    before = snapshot()
    with pytest.raises(UserError, match=rf"of {TAG}: "):
        release(build.config, "1.1.0")
    assert snapshot() == before


def test_the_same_content_is_no_new_version(released: Path) -> None:
    before = snapshot()
    with pytest.raises(UserError, match=r"nothing changed since 1\.0\.0"):
        release(Build().config, "1.0.1")
    assert snapshot() == before


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("1.0.0", rf"1\.0\.0 is released \(tag {TAG}\)"),
        ("0.9.9", r"expected a version of sar-text-tests above 1\.0\.0"),
        ("1.0", "expected X.Y.Z"),
        ("v1.1.0", "expected X.Y.Z"),
        ("1.01.0", "expected X.Y.Z"),
        ("1.1.0-rc1", "expected X.Y.Z"),
        ("1.1.0\n", "expected X.Y.Z"),
    ],
)
def test_a_version_that_is_not_above_the_last_is_refused(released: Path, version: str, told: str) -> None:
    build = Build()
    _change_all(build)
    build.write()
    before = snapshot()
    with pytest.raises(UserError, match=told):
        release(build.config, version)
    assert snapshot() == before


def test_versions_are_compared_as_numbers(project: Path) -> None:
    assert last_release("tests") is None
    for number, version in enumerate(["1.9.0", "1.10.0", "1.2.0"]):
        git("tag", "-a", f"sar-text-tests@v{version}", "-m", f"A version\n\ncontent: {number:064}")
    for other in ("sar-text-tests@vNext", "sar-text-tests@v2", "sar-text-tests-2@v9.0.0"):
        git("tag", other)
    last = last_release("tests")
    assert last is not None
    assert (str(last.version), last.tag, int(last.content)) == ("1.10.0", "sar-text-tests@v1.10.0", 1)
    git("tag", "sar-text-tests@v3.0.0")
    with pytest.raises(UserError, match=r"^tag sar-text-tests@v3\.0\.0: says no 'content: SHA256'"):
        last_release("tests")


def _break(how: str) -> None:
    """Take from the build what a release needs."""
    sartext, audit = RESULTS / "sartext", RESULTS / "audit"
    if how == "no audit":
        (audit / "stage1.json").unlink()
    elif how == "a leak":
        Build().write_audits(remaining=3)
    elif how == "another benchmark":
        Build().write_audits(benchmark="v0")
    elif how == "an older audit":
        build = Build()
        build.change("closed/images/a4", split="train")
        write_records(sartext / "scenes.parquet", build.scenes, Scene)
    elif how == "an audit of no words":
        write_text(audit / "sartext.json", "[]")
    elif how == "no statistics":
        (sartext / "statistics.json").unlink()
    elif how == "no datasheet":
        (sartext / "datasheet.md").unlink()
    elif how == "older metadata":
        build = Build()
        build.captions.pop()
        about = (sartext / "croissant.json").read_bytes()
        build.write()
        (sartext / "croissant.json").write_bytes(about)
    elif how == "no table":
        (sartext / "questions.parquet").unlink()
    elif how == "another config":
        text = (RESULTS / "config.yaml").read_text()
        (RESULTS / "config.yaml").write_text(text.replace("seed: 0\n", "seed: 1\n", 1))
    elif how == "no config":
        (RESULTS / "config.yaml").unlink()
    elif how == "an image that is gone":
        Path("data/sources/open/images/a1.png").unlink()
    elif how == "an image without digest":
        path = RESULTS / "scenes" / "closed" / "hashes.csv"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    elif how == "a datasheet that names a folder":
        (sartext / "datasheet.md").write_text(f"made in {Path.cwd()}/results\n")


REFUSED = {
    "no audit": r"audit/stage1\.json: no such file",
    "a leak": r"audit/stage1\.json: remaining: expected 0, found 3",
    "another benchmark": r"audit/stage1\.json: benchmark: expected None, found 'v0'",
    "an older audit": r"audit/sartext\.json: scenes: of another table than .*/scenes\.parquet is now",
    "an audit of no words": r"audit/sartext\.json: expected the audit of sartext",
    "no statistics": r"sartext/statistics\.json: missing",
    "no datasheet": r"sartext/datasheet\.md: missing",
    "older metadata": r"croissant\.json: distribution: captions\.parquet: of another table",
    "no table": r"sartext/questions\.parquet: missing",
    "another config": r"config\.yaml: of another state of profile tests",
    "no config": r"config\.yaml: missing, so it is not known",
    "an image that is gone": r"images/a1\.png: ",
    "an image without digest": r"closed/images/a4: no line of hashes\.csv",
    "a datasheet that names a folder": r"datasheet\.md: names .*/project/, a folder of this machine",
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_build_that_is_not_whole_is_not_released(project: Path, how: str) -> None:
    _break(how)
    before = snapshot()
    with pytest.raises(UserError, match=REFUSED[how]) as stopped:
        release(Build().config, "1.0.0")
    assert "\n" not in str(stopped.value)
    assert snapshot() == before
    assert not list(FOLDER.parent.glob("*"))


def _refusal() -> str:
    """What a release is refused with, in one line; nothing has changed."""
    before = snapshot()
    with pytest.raises(UserError) as stopped:
        release(Build().config, "1.0.0")
    assert snapshot() == before
    told = str(stopped.value)
    assert "\n" not in told
    assert "run the workflow" in told
    return told


def test_what_other_code_made_is_not_released(project: Path) -> None:
    for path, module in (
        (RESULTS / "scenes" / "closed" / "scenes.parquet", "sartext.sources"),
        (RESULTS / "captions" / "open.a2c.parquet", "sartext.narrator.run"),
        (RESULTS / "sartext" / "scenes.parquet", "sartext.dataset.build"),
    ):
        record(path, "sartext.core.errors")
        assert _refusal().startswith(f"{path}: made by other code ({module}) than the one that runs now")
        record(path, module)
    shards = RESULTS / "sartext" / "shards" / "open" / "manifest.json"
    write_json(shards, {})
    record(shards, "sartext.core.errors")
    assert _refusal().startswith(f"{shards}: made by other code")


def test_what_is_older_than_its_input_is_not_released(project: Path) -> None:
    table, captions = RESULTS / "sartext" / "scenes.parquet", RESULTS / "captions" / "open.a2c.parquet"
    later = table.stat().st_mtime + 1
    os.utime(captions, (later, later))
    record(captions, "sartext.narrator.run")
    record(table, "sartext.dataset.build", captions)
    assert _refusal().startswith(f"{table}: older than {captions}, which it is made from")
    record(table, "sartext.dataset.build", captions, sha256_file(captions))
    assert release(Build().config, "1.0.0").record["code"]


def test_what_the_workflow_did_not_make_is_not_released(project: Path) -> None:
    path = RESULTS / "sartext" / "scenes.parquet"
    modified = path.stat().st_mtime
    os.utime(path, (modified + 1, modified + 1))
    assert _refusal().startswith(f"{path}: not as the workflow made it")
    os.utime(path, (modified, modified))
    shutil.rmtree(".snakemake/metadata")
    assert "open/scenes.parquet: not as the workflow made it" in _refusal()


def test_code_that_is_not_the_commits_makes_no_release(project: Path) -> None:
    code = Path("src/sartext/core/errors.py")
    text = code.read_text()
    code.write_text(f"{text}# older\n")
    git("commit", "-q", "-a", "-m", "Other code")
    assert "core/errors.py: not as in commit" in _refusal()
    git("rm", "-q", str(code))
    git("commit", "-q", "-m", "Less code")
    assert "core/errors.py: not as in commit" in _refusal()
    code.parent.mkdir(exist_ok=True)
    code.write_text(text)
    Path("src/sartext/core/added.py").write_text("")
    git("add", "-A")
    git("commit", "-q", "-m", "More code")
    assert "core/added.py: not as in commit" in _refusal()


def test_the_records_of_a_real_workflow_are_read(project: Path) -> None:
    rules = [
        f"rule:\n    output: {str(path)!r}\n    params: code={code_digest(module)!r}\n"
        f"    shell: 'cp {path}.kept {path}'\n"
        for path, module in made_of(Build().config)
    ]
    for path, _ in made_of(Build().config):
        path.rename(f"{path}.kept")
    shutil.rmtree(".snakemake")
    Path(".snakemake").mkdir()
    Path(".snakemake/Snakefile").write_text("\n".join(rules))
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-q", "--cores", "1", "--snakefile", ".snakemake/Snakefile", "--",
         *(str(path) for path, _ in made_of(Build().config))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    release(Build().config, "1.0.0")


def test_the_workflow_gives_these_rules_the_digest_of_these_modules(root: Path) -> None:
    rules = "".join(path.read_text() for path in (root / "workflow" / "rules").glob("*.smk"))
    modules = {module for _, module in made_of(load_config(root / "config" / "mini.yaml"))}
    assert len(modules) == 9, "it has simulated sources and all branches"
    for module in modules:
        assert f'code=code_digest("{module}")' in rules


def test_shards_of_an_older_build_are_made_anew(released: Path) -> None:
    build = Build()
    at = build.captions.index(Caption("open/images/a3", "a2c", "There is a ship."))
    build.captions[at] = Caption("open/images/a3", "a2c", "One ship only.")
    build.write()
    release(build.config, "1.1.0")
    assert b"One ship only." in (FOLDER / "shards" / "open" / "val-000000.tar").read_bytes()
    assert b"There is a ship." in (FOLDER / "shards" / "open" / "train-000000.tar").read_bytes()


def _disturb(how: str) -> None:
    if how == "staged":
        Path("notes.txt").write_text("mine\n")
        git("add", "notes.txt")
    elif how == "changed":
        Path("dvc.yaml").write_text("artifacts: {}\n")
    elif how == "no branch":
        git("checkout", "-q", "--detach")
    elif how == "merging":
        git("checkout", "-q", "-b", "other")
        git("commit", "-q", "--allow-empty", "-m", "Other")
        git("checkout", "-q", "main")
        git("merge", "-q", "--no-ff", "--no-commit", "other")
    elif how == "no DVC":
        shutil.rmtree(".dvc")
        git("commit", "-q", "-a", "-m", "Without DVC")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("staged", r"^notes\.txt: is staged"),
        ("changed", r"^dvc\.yaml: differs from its commit"),
        ("no branch", "no branch is checked out"),
        ("merging", "a merge is going on"),
        ("no DVC", "no DVC repository"),
    ],
)
def test_a_repository_that_is_not_ready_is_left_alone(project: Path, how: str, told: str) -> None:
    _disturb(how)
    before = snapshot()
    with pytest.raises(UserError, match=told):
        release(Build().config, "1.0.0")
    assert snapshot() == before


def test_git_must_be_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    done = _sartext("release", "--config", str(RESULTS / "config.yaml"), "--version", "1.0.0")
    assert done.returncode == 2
    assert done.stderr == "sartext: git: no such program; a release is a commit and a tag: install git\n"


def test_a_folder_that_is_no_root_of_a_repository_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("below").mkdir()
    monkeypatch.chdir(project / "below")
    with pytest.raises(UserError, match="not the root of its git repository"):
        release(Build().config, "1.0.0")
    shutil.rmtree(project / ".git")
    with pytest.raises(UserError, match="not a git repository"):
        release(Build().config, "1.0.0")


def test_who_commits_must_be_known(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name)
    git("config", "user.useConfigOnly", "true")
    before = snapshot()
    with pytest.raises(UserError, match=r"^git var: "):
        release(Build().config, "1.0.0")
    assert snapshot() == before


def _hook(body: str) -> None:
    hook = Path(".git/hooks/reference-transaction")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{body}\n")
    hook.chmod(0o755)


@pytest.mark.parametrize(
    ("step", "first"),
    [("tag", True), ("tag", False), ("dvc", True), ("dvc", False), ("index", False)],
    ids=lambda value: {True: "first version", False: "second version"}.get(value, value),
)
def test_a_step_that_fails_leaves_all_as_it_was(
    request: pytest.FixtureRequest, step: str, first: bool
) -> None:
    request.getfixturevalue("project" if first else "released")
    build = Build()
    _change_all(build)
    build.write()
    settings = Path("dvc.yaml").read_text()
    if step == "tag":  # git takes the commit, and is then forbidden the tag
        _hook('if [ "$1" = prepared ] && grep -q refs/tags/; then exit 1; fi')
        told = "git update-ref: "
    elif step == "dvc":  # two owners of one path
        Path("dvc.yaml").write_text(f"stages:\n  other:\n    cmd: 'true'\n    outs:\n      - {FOLDER}/part\n")
        git("commit", "-q", "-a", "-m", "A stage")
        told = "dvc add: "
    else:
        Path(".git/index.lock").touch()
        told = "git add: "
    before = snapshot()
    with pytest.raises(UserError, match=rf"^{told}"):
        release(build.config, "1.1.0")
    assert snapshot() == before
    for path in (".git/index.lock", ".git/hooks/reference-transaction"):
        Path(path).unlink(missing_ok=True)
    if step == "dvc":
        Path("dvc.yaml").write_text(settings)
        git("commit", "-q", "-a", "-m", "No stage")
    made = release(build.config, "1.1.0")
    assert git("rev-parse", f"{made.tag}^{{commit}}") == git("rev-parse", "HEAD")
    assert git("status", "--porcelain") == ""


# `sartext ...`, killed before the first rename or start of a program that has a text in its arguments
KILLED = """
import os, signal, sys
from sartext.cli import main
text, sys.argv = sys.argv[1], ["sartext", *sys.argv[2:]]
def watch(event, arguments):
    if event in ("os.rename", "subprocess.Popen") and text in " ".join(map(str, arguments)):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
main()
"""


def test_a_release_that_is_killed_and_one_that_fails_leave_the_last_one(released: Path) -> None:
    build = Build()
    _change_all(build)
    build.write()
    before, audit = snapshot(), RESULTS / "audit" / "stage1.json"
    for step in (f"{FOLDER} -1", "'dvc', 'add'", "'update-ref', '-m'"):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, step, "release", "--config", f"{RESULTS}/config.yaml",
             "--version", "1.1.0"],
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == -signal.SIGKILL, step
        audit.rename(audit.with_suffix(".away"))
        with pytest.raises(UserError, match=r"stage1\.json: no such file"):
            release(build.config, "1.1.0")
        audit.with_suffix(".away").rename(audit)
        assert snapshot() == before, step
    assert read_json(FOLDER / "VERSION.json")["version"] == "1.0.0"
    verify_manifest(FOLDER, FOLDER / "VERSION.json")
    assert release(build.config, "1.1.0").record["changes"] == CHANGES
    assert folder_md5(FOLDER) == read_pointer(POINTER)
    assert git("status", "--porcelain") == ""


@pytest.mark.parametrize("how", ["added", "changed", "no version"])
def test_a_persons_files_are_not_replaced(released: Path, how: str) -> None:
    build = Build()
    _change_all(build)
    build.write()
    path = FOLDER / ("mine.txt" if how == "added" else "datasheet.md" if how == "changed" else "VERSION.json")
    path.unlink(missing_ok=True)
    if how != "no version":
        path.write_text("mine\n")
    before = snapshot()
    with pytest.raises(UserError, match=rf"^{FOLDER}" if how == "no version" else rf"^{path}: "):
        release(build.config, "1.1.0")
    assert snapshot() == before


def test_a_folder_of_which_files_were_deleted_is_replaced(released: Path) -> None:
    build = Build()
    _change_all(build)
    build.write()
    shutil.rmtree(FOLDER / "shards")
    release(build.config, "1.1.0")
    assert (FOLDER / "shards" / "open" / "train-000000.tar").is_file()


def _check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return _sartext("release", "--config", str(RESULTS / "config.yaml"), "--check", *arguments)


def test_what_a_remote_holds_of_a_version_is_read(released: Path) -> None:
    absent = _check()
    assert absent.returncode == 2
    assert re.match(r"sartext: remote store: \S+\.dir: missing: it lists the files of", absent.stderr)
    assert dvc("push", "-q").returncode == 0
    shutil.rmtree(".dvc/cache")
    whole = _check("--remote", "store")
    assert whole.returncode == 0, whole.stderr
    files = list_files(FOLDER)
    size = sum((FOLDER / path).stat().st_size for path in files)
    assert whole.stdout == f"{TAG}: remote store: {len(files)} files, {size:,} bytes, all whole\n"
    damaged, gone = "captions.parquet", "exports/sartext.csv"
    for name in (damaged, gone):
        md5 = md5_file(FOLDER / name)
        path = released.parent / "store" / "files" / "md5" / md5[:2] / md5[2:]
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1])
    path.unlink()
    found = _check()
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert f"2 of {len(files)} files of {TAG} are missing or damaged" in found.stderr
    assert [line.split(": ")[:2] for line in found.stdout.splitlines()] == [
        [f"{FOLDER}/{damaged}", "damaged"],
        [f"{FOLDER}/{gone}", "missing"],
    ]


def test_a_remote_that_is_unknown_is_told(released: Path) -> None:
    done = _check("--remote", "nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("sartext: remote nowhere: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--check", "--version", "1.0.0"], [], ["--version", "1.0.0", "--remote", "x"]]
)
def test_a_call_either_makes_or_checks(project: Path, arguments: list[str]) -> None:
    done = _sartext("release", "--config", str(RESULTS / "config.yaml"), *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert git("tag") == ""


def test_nothing_is_there_to_check_before_a_release(project: Path) -> None:
    done = _check()
    assert done.returncode == 2
    assert done.stderr == (
        "sartext: sar-text-tests: no version is released, or its tag is not here (git fetch --tags)\n"
    )


def test_the_tags_pointer_is_checked_not_the_working_trees(released: Path) -> None:
    assert dvc("push", "-q").returncode == 0
    whole = _check()
    assert whole.returncode == 0, whole.stderr
    (FOLDER / "mine.txt").write_text("mine")
    assert dvc("add", "-q", str(FOLDER)).returncode == 0
    assert git("diff", "--name-only") == str(POINTER)
    assert _check().stdout == whole.stdout
    POINTER.unlink()
    assert _check().stdout == whole.stdout
    git("tag", "-m", "content: " + "0" * 64, "sar-text-tests@v2.0.0", "HEAD~1")
    done = _check()
    assert done.returncode == 2
    assert done.stderr.startswith("sartext: git show: ")
    assert done.stderr.count("\n") == 1


def test_two_checkouts_make_the_same_version(released: Path, made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    copy_repository(made, other)
    here = read_json(FOLDER / "VERSION.json")
    os.chdir(other)
    try:
        there = release(Build().config, "1.0.0").record
    finally:
        os.chdir(released)
    assert there == here
    assert read_pointer(other / POINTER) == read_pointer(POINTER)


def test_the_command_says_what_was_made_and_what_comes_next(project: Path) -> None:
    done = _sartext("release", "--config", str(RESULTS / "config.yaml"), "--version", "1.0.0")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{TAG}: 10 images, 25 captions, 15 questions; content ")
    assert lines[1] == "no images of closed (5; licence): research use"
    assert re.fullmatch(rf"  dvc push -r store {POINTER}   # 0\.\d MB", lines[-2])
    assert lines[-1] == "  git push --follow-tags"
    again = _sartext("release", "--config", str(RESULTS / "config.yaml"), "--version", "1.0.0")
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert again.stderr.startswith("sartext: --version: 1.0.0 is released")


def test_a_remote_within_the_repository_is_not_pushed_to_unasked(project: Path) -> None:
    assert push_remote() == "store"
    for url in ("data/store", f"file://{project}/data/store"):
        assert dvc("remote", "add", "-q", "-d", "-f", "store", url).returncode == 0
        assert push_remote() is None
    git("commit", "-q", "-a", "-m", "A store of the repository")
    done = _sartext("release", "--config", str(RESULTS / "config.yaml"), "--version", "1.0.0")
    assert re.fullmatch(
        rf"  dvc push -r NAME {POINTER}   # 0\.\d MB; NAME: a remote of yours \(dvc remote add -d NAME URL\)",
        done.stdout.splitlines()[-2],
    )
    assert dvc("remote", "add", "-q", "-d", "team", "ssh://host/path").returncode == 0
    assert push_remote() == "team"
    assert dvc("config", "-q", "--unset", "core.remote").returncode == 0
    assert push_remote() is None


def test_what_someone_stages_meanwhile_is_not_committed(project: Path) -> None:
    Path("mine.txt").write_text("mine")
    Path("pointer.dvc").write_text("outs: []")
    git("add", "mine.txt")
    commit = commit_and_tag([Path("pointer.dvc")], "A version", "sar-text-x@v1.0.0", "one")
    assert git("show", "--name-only", "--format=", commit).split() == ["pointer.dvc"]
    assert git("diff", "--cached", "--name-only").split() == ["mine.txt"]


def test_the_benchmark_it_was_checked_against_is_named(project: Path) -> None:
    build = Build()
    build.config = build.config.model_copy(
        update={"evaluation": build.config.evaluation.model_copy(update={"version": "v1"})}
    )
    build.write()
    build.write_audits(benchmark="v1")
    with pytest.raises(UserError, match=r"results/tests/benchmark\.json: no such file"):
        release(build.config, "1.0.0")
    write_json(RESULTS / "benchmark.json", {"folder": "data/benchmark/v0", "digest": "0"})
    with pytest.raises(UserError, match="expected folder and digest of benchmark v1"):
        release(build.config, "1.0.0")
    write_json(RESULTS / "benchmark.json", {"folder": "data/benchmark/v1", "digest": "ab"})
    assert release(build.config, "1.0.0").record["benchmark"] == {"version": "v1", "digest": "ab"}
