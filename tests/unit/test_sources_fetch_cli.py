"""`sartext fetch` from the command line to the files, over https as a profile demands it."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml
from fetch_server import FileServer, Turn, file_server, self_signed
from sources_files import grey

from sartext.cli import main
from sartext.core.config import CONFIG_FOLDER, Download
from sartext.core.runlock import hold_folder
from sartext.sources.catalogue import catalogue, read_entry


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("NO_PROXY", "localhost")
    with file_server(certificate) as running:
        yield running


def run(*arguments: str) -> tuple[int, list[str], list[str]]:
    """Exit status, and the lines of stdout and stderr, of `sartext fetch`."""
    said, fault, status = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(said), redirect_stderr(fault):
        try:
            main(["fetch", *arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
    return status, said.getvalue().splitlines(), fault.getvalue().splitlines()


def archives(folder: Path) -> dict[str, bytes]:
    """Images as a zip, annotations as a tar.gz and as they are."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(6):
            archive.writestr(
                f"images/{number}.png", grey(folder / f"{number}.png", 40, 30, number).read_bytes()
            )
    tar = io.BytesIO()
    notes = json.dumps(_annotations(range(4))).encode()
    with tarfile.open(fileobj=tar, mode="w:gz") as opened:
        info = tarfile.TarInfo("annotations/train.json")
        info.size = len(notes)
        opened.addfile(info, io.BytesIO(notes))
    return {
        "/images.zip": packed.getvalue(),
        "/train.tar.gz": tar.getvalue(),
        "/test.json?download=1": json.dumps(_annotations(range(4, 6))).encode(),
    }


def _annotations(numbers: range) -> dict[str, Any]:
    return {
        "images": [
            {"id": number, "file_name": f"{number}.png", "width": 40, "height": 30} for number in numbers
        ],
        "annotations": [
            {"id": number, "image_id": number, "category_id": 1, "bbox": [1, 2, 5, 5]} for number in numbers
        ],
        "categories": [{"id": 1, "name": "ship"}],
    }


@pytest.fixture
def profile(server: FileServer, tmp_path: Path) -> Path:
    """A profile whose one source is served."""
    server.files = archives(tmp_path / "drawn")
    root = tmp_path / "root"

    def one(path: str, file: str, **more: Any) -> dict[str, Any]:
        content = server.files[path]
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return {"url": server.url(path), "file": file, "digest": digest, "size": len(content), **more}

    raw = yaml.safe_load((CONFIG_FOLDER / "samples.yaml").read_text(encoding="utf-8"))
    raw["sources"] = [
        {
            "name": "ours",
            "title": "Our ships",
            "root": str(root),
            "modality": "sar",
            "format": "coco",
            "layout": {"annotations": "annotations/{split}.json", "images": "images"},
            "splits": {"train": "train", "test": "test"},
            "branches": ["a2c"],
            "expected_images": 6,
            "licence": "CC BY 4.0",
            "citation": "we",
            "obtain": "write to us",
            "downloads": [
                one("/images.zip", "images.zip", unpack=True),
                one("/train.tar.gz", "train.tar.gz", unpack=True),
                one("/test.json?download=1", "annotations/test.json"),
            ],
        },
        {"use": "sydney-captions"},
    ]
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return path


def test_all_is_downloaded_unpacked_checked_and_not_twice(
    server: FileServer, profile: Path, tmp_path: Path
) -> None:
    status, said, fault = run("ours", "--config", str(profile))
    assert (status, fault) == (0, [])
    assert "licence: CC BY 4.0" in said
    assert "cite: we" in said
    assert any("annotations of train" in line for line in said)
    assert said[-4:] == [
        "images: 6 (train 4, test 2), as expected",
        "objects: 6",
        "decoded: 6 of 6 images that were tried",
        "ours: can be used",
    ]
    assert len(server.asked) == 3
    again = run("ours", "--config", str(profile))
    assert again[0] == 0
    (tmp_path / "root/images.zip").unlink()
    (tmp_path / "root/train.tar.gz").unlink()
    status, said, _ = run("ours", "--config", str(profile))
    assert status == 0
    assert "unpacked already: images.zip, train.tar.gz" in said
    assert len(server.asked) == 3
    (tmp_path / "root/images/3.png").unlink()
    assert run("ours", "--config", str(profile))[0] == 0
    assert [asked.path for asked in server.asked[3:]] == ["/images.zip"]
    assert (tmp_path / "root/images/3.png").is_file()


def test_a_file_of_the_same_size_is_not_taken_for_the_archives(
    server: FileServer, profile: Path, tmp_path: Path
) -> None:
    assert run("ours", "--config", str(profile))[0] == 0
    image = tmp_path / "root/images/3.png"
    image.write_bytes(bytes(len(image.read_bytes())))
    status, said, (line,) = run("ours", "--config", str(profile))
    assert status == 2
    assert "unpacked already: train.tar.gz" in said
    assert f"{image}: is there already and is not what images.zip holds; move it away" in line


def test_another_number_of_images_is_refused(server: FileServer, profile: Path) -> None:
    raw = yaml.safe_load(profile.read_text(encoding="utf-8"))
    raw["sources"][0]["expected_images"] = 7
    profile.write_text(yaml.safe_dump(raw), encoding="utf-8")
    status, said, (line,) = run("ours", "--config", str(profile))
    assert (status, "ours: can be used" in said) == (2, False)
    assert "holds 6 images, expected 7; compare with the source's page" in line
    raw["sources"][0]["partial"] = True
    profile.write_text(yaml.safe_dump(raw), encoding="utf-8")
    status, said, fault = run("ours", "--config", str(profile))
    assert (status, fault, said[-1]) == (0, [], "ours: can be used")


def test_what_came_already_needs_no_more_room(
    server: FileServer, profile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {path: len(content) for path, content in server.files.items()}
    # the room that is left when half of the first archive came: the rest, and what two archives unpack to
    half = sizes["/images.zip"] // 2
    left = sum(sizes.values()) - half + sizes["/images.zip"] + sizes["/train.tar.gz"]
    usage = namedtuple("usage", "total used free")
    free = left - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - free, free))
    part = tmp_path / "root/images.zip.part"
    part.parent.mkdir()
    part.write_bytes(server.files["/images.zip"][:half])
    status, _, (line,) = run("ours", "--config", str(profile))
    assert status == 2
    assert "3 files needs" in line
    assert server.asked == []
    free = left
    assert run("ours", "--config", str(profile))[::2] == (0, [])


def _file_for_a_folder(root: Path) -> Path:
    (root / "annotations").write_bytes(b"")
    return root / "annotations"


def _folder_for_a_part(root: Path) -> Path:
    (root / "images.zip.part").mkdir()
    return root / "images.zip.part"


def _folder_for_the_notes(root: Path) -> Path:
    (root / ".fetched.json").mkdir()
    return root / ".fetched.json"


def _folder_for_a_download(root: Path) -> Path:
    (root / "images.zip").mkdir()
    return root / "images.zip"


def _link_to_itself(root: Path) -> Path:
    (root / "images").symlink_to(root / "images")
    return root / "images"


def _no_permission(root: Path) -> Path:
    root.chmod(0o500)
    return root


@pytest.mark.parametrize(
    "plant",
    [
        _file_for_a_folder,
        _folder_for_a_part,
        _folder_for_the_notes,
        _folder_for_a_download,
        _link_to_itself,
        _no_permission,
    ],
)
def test_what_the_disk_refuses_is_said_in_one_line(
    server: FileServer,
    profile: Path,
    tmp_path: Path,
    plant: Callable[[Path], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "localhost.pem")
    root = Path("root")
    (root / ".sartext").mkdir(parents=True)
    (root / ".sartext/fetch.lock").touch()
    place = plant(root)
    with _without_power(tmp_path) if plant is _no_permission else nullcontext():
        status, _, fault = run("ours", "--config", profile.name, "--root", str(root))
    root.chmod(0o755)
    assert status == 2
    (line,) = fault
    assert str(place) in line
    assert not list(root.glob(".unpacking*"))


@contextmanager
def _without_power(folder: Path) -> Iterator[None]:
    """Be somebody who is refused where permissions say so, which the superuser is not.

    Only what is below the current folder can be reached then.
    """
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, -1, follow_symlinks=False)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_check_downloads_nothing(server: FileServer, profile: Path, tmp_path: Path) -> None:
    status, _, fault = run("ours", "--config", str(profile), "--check")
    assert status == 2
    assert fault == [
        f"sartext: source ours: no folder {tmp_path / 'root'}; to get it: write to us; then put it there, or "
        "set the source's 'root' in the profile"
    ]
    assert not (tmp_path / "root").exists()
    assert run("ours", "--config", str(profile))[0] == 0
    asked = len(server.asked)
    status, said, _ = run("ours", "--config", str(profile), "--check")
    assert (status, said[-1]) == (0, "ours: can be used")
    (tmp_path / "root/annotations/test.json").write_text("{}")
    status, _, fault = run("ours", "--config", str(profile), "--check")
    assert status == 2
    assert "annotations/test.json: is there, but its digest is sha256:44136fa355b3" in fault[0]
    assert len(server.asked) == asked


def test_another_folder(server: FileServer, profile: Path, tmp_path: Path) -> None:
    status, said, _ = run("ours", "--config", str(profile), "--root", str(tmp_path / "large disk"))
    assert (status, said[0]) == (0, f"Our ships: {tmp_path / 'large disk'}")
    assert (tmp_path / "large disk/images/0.png").is_file()
    assert not (tmp_path / "root").exists()


def test_a_file_placed_by_hand_is_used(server: FileServer, profile: Path, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/images.zip").write_bytes(server.files["/images.zip"])
    status, said, _ = run("ours", "--config", str(profile))
    assert status == 0
    assert "images.zip: there, digest right" in said
    assert "/images.zip" not in [asked.path for asked in server.asked]


def test_a_file_that_the_server_changed_is_refused(server: FileServer, profile: Path, tmp_path: Path) -> None:
    content = server.files["/images.zip"]
    server.files["/images.zip"] = content[:-1] + b"x"
    status, _, fault = run("ours", "--config", str(profile))
    assert status == 2
    (line,) = fault
    assert "the file's digest is" in line
    assert line.endswith(f"put images.zip into {tmp_path / 'root'} and run the same again (write to us)")
    assert [path.name for path in (tmp_path / "root").iterdir()] == [".sartext"]
    server.files["/images.zip"] = content
    assert run("ours", "--config", str(profile))[0] == 0


def test_a_server_that_went_away_is_said_in_one_line(server: FileServer, profile: Path) -> None:
    server.always = Turn(status=410)
    status, _, fault = run("ours", "--config", str(profile))
    assert status == 2
    (line,) = fault
    assert "answered 410 Gone; it may have moved" in line


def test_what_has_no_address_is_told_of(tmp_path: Path) -> None:
    status, said, fault = run("whu-opt-sar", "--root", str(tmp_path))
    assert status == 2
    assert any(line.startswith("get: WHU-OPT-SAR from its authors' page (github.com/") for line in said)
    assert any(line.startswith("cite: Li et al., MCANet") for line in said)
    assert f"  {tmp_path}/" in said
    assert any(line.startswith("  ├── lbl/") for line in said)
    (line,) = fault
    assert "has no sar/{id} (SAR images)" in line or "has no sar/{id} (images)" in line


def test_a_folder_that_cannot_be_written(profile: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, _, (line,) = run("ours", "--config", str(profile), "--root", str(tmp_path / "file" / "below"))
    assert status == 2
    assert "cannot be written (Not a directory); give another folder (--root)" in line


def test_two_at_once_do_not_mix(server: FileServer, profile: Path, tmp_path: Path) -> None:
    with hold_folder("sartext fetch ours", tmp_path / "root/.sartext/fetch.lock"):
        status, _, (line,) = run("ours", "--config", str(profile))
    assert status == 2
    assert f"{tmp_path / 'root'}: another run (sartext fetch ours, pid" in line
    assert server.asked == []
    assert run("ours", "--config", str(profile))[0] == 0


def test_unknown_sources_are_named(profile: Path) -> None:
    status, _, (line,) = run("hrsd")
    assert status == 2
    assert "no source 'hrsd'" in line
    assert "hrsid" in line
    status, _, (line,) = run("hrsid", "--config", str(profile))
    assert status == 2
    assert "expected one of ours, sydney-captions" in line


def test_a_simulated_source_is_not_overwritten_by_the_real_one() -> None:
    status, _, (line,) = run("hrsid", "--config", str(CONFIG_FOLDER / "mini.yaml"))
    assert status == 2
    assert "hrsid is simulated in this profile (sartext simulate" in line


@pytest.mark.parametrize(
    "path", sorted((CONFIG_FOLDER / "sources").glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_addresses_of_an_entry_are_stable_and_their_source_is_cited(path: Path) -> None:
    entry = read_entry(path)
    assert len({one.file for one in entry.downloads}) == len(entry.downloads)
    if entry.downloads:
        comments = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
        assert any("digest" in line or "md5" in line for line in comments)
        assert not entry.root.startswith("$")
    for one in entry.downloads:
        # a record's or a commit's file, never that of a branch or of the newest version
        assert one.url.startswith("https://zenodo.org/records/") or len(one.url.split("/")[6]) == 40


def test_the_table_of_sources_says_what_is_downloaded() -> None:
    last = {row.split(" | ")[0].strip("| `"): row.split(" | ")[-1] for row in catalogue().splitlines()[2:]}
    assert last["rsvqa-lr"] == "10 files, 126 MB |"
    assert last["sar-ship-dataset"] == "`ship_dataset_v0.zip`, 427 MB |"
    assert last["bright"] == "2 files |"
    assert last["hrsid"].strip("| ") == ""


def test_a_profile_may_name_https_alone() -> None:
    with pytest.raises(ValueError, match="url"):
        Download(url="http://localhost/a.zip", file="a.zip", digest="md5:" + "0" * 32)
