"""OpenSARShip: products as folders and as zips, and what is kept of Ship.xml."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sources_files import grey, source

from sartext.core.errors import UserError
from sartext.core.records import Scene
from sartext.sources import Reject, read_source

LAYOUT = {
    "archives": "{product}.zip",
    "annotations": "{product}/Ship.xml",
    "images": "{product}/Patch_Uint8/Visual_{type}_x{x}_y{y}_vv.tif",
}
CLASSES = {
    "Cargo": "cargo ship",
    "Tanker": "tanker",
    "Other Type": "ship",
    "Container Ship": "container ship",
}


def _ship(x: int, y: int, kind: str) -> str:
    return (
        f"<ship><SARShipInformation><Center_x>{x}</Center_x><Center_y>{y}</Center_y></SARShipInformation>"
        "<AISShipInformation><MMSI>477207300</MMSI><Name>SEA SECRET</Name><Callsign>VRFB4</Callsign>"
        "<Ship_Type>71</Ship_Type></AISShipInformation>"
        f"<MarineTrafficInformation><Elaborated_type>{kind}</Elaborated_type></MarineTrafficInformation></ship>"
    )


SHIPS = "<ShipList>" + _ship(12, 34, "Container Ship") + _ship(5, 6, "Submarine") + "</ShipList>"
CHIPS = {
    "Visual_Cargo_x12_y34_vv.tif": "container ship",  # Ship.xml's type is one of the classes
    "Visual_Cargo_x5_y6_vv.tif": "cargo ship",  # it is not: the file name's
    "Visual_Other Type_x7_y8_vv.tif": "ship",  # Ship.xml says nothing of this one
}


def _product(folder: Path, ships: str = SHIPS) -> Path:
    for number, name in enumerate(CHIPS):
        grey(folder / "Patch_Uint8" / name, 40 + number, 50)
        grey(folder / "Patch_Uint8" / name.replace("_vv", "_vh"), 40 + number, 50)
    grey(folder / "Patch_RGB" / "Cargo_x12_y34_vv.png", 10, 10)
    (folder / "Ship.xml").write_text(ships, encoding="utf-8")
    return folder


def _zip(folder: Path, path: Path, top: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, top + file.relative_to(folder).as_posix())


def _read(root: Path, unpacked: Path | None = None, **more: Any) -> tuple[list[Scene], list[Reject]]:
    given = {"name": "opensarship", "classes": CLASSES, **more}
    return read_source(source(root, "opensarship", LAYOUT, **given), 0, 0.2, 0.2, unpacked)


def _said(scenes: list[Scene]) -> dict[str, list[tuple[str, float, float, float, float]]]:
    return {
        scene.scene_id: [(box.label, box.x, box.y, box.width, box.height) for box in scene.boxes]
        for scene in scenes
    }


EXPECTED = {
    f"opensarship/S1A_1/Patch_Uint8/{name.removesuffix('.tif')}": [(label, 0, 0, 40 + number, 50)]
    for number, (name, label) in enumerate(CHIPS.items())
}


@pytest.mark.parametrize(
    "top", ["", "S1A_1/"], ids=["members at the top", "in a folder of the product's name"]
)
def test_a_zip_reads_as_its_unpacked_folder_does(tmp_path: Path, top: str) -> None:
    folder = _product(tmp_path / "folders" / "S1A_1")
    _zip(folder, tmp_path / "zips" / "S1A_1.zip", top)
    from_folder, rejects = _read(tmp_path / "folders")
    assert rejects == []
    assert _said(from_folder) == EXPECTED
    from_zip, rejects = _read(tmp_path / "zips", tmp_path / "unpacked")
    assert rejects == []
    assert _said(from_zip) == EXPECTED
    for one, other in zip(from_folder, from_zip, strict=True):
        assert Path(other.image).is_relative_to(tmp_path / "unpacked")
        assert Path(one.image).read_bytes() == Path(other.image).read_bytes()
        assert one.split == other.split
    # the chips alone are unpacked: no other polarisation, no Ship.xml
    files = [path.name for path in (tmp_path / "unpacked").rglob("*") if path.is_file()]
    assert sorted(files) == sorted(CHIPS)
    assert sorted(path.name for path in (tmp_path / "zips").iterdir()) == ["S1A_1.zip"]


def test_a_product_that_is_unpacked_already_is_not_unpacked_again(tmp_path: Path) -> None:
    folder = _product(tmp_path / "root" / "S1A_1")
    _zip(folder, tmp_path / "root" / "S1A_1.zip")
    scenes, rejects = _read(tmp_path / "root", tmp_path / "unpacked")
    assert (_said(scenes), rejects) == (EXPECTED, [])
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize(
    ("ships", "said"),
    [
        (SHIPS.replace("</ShipList>", "<\\ShipList>"), "not well-formed"),
        ("", "not well-formed"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><ShipList>&a;</ShipList>', "entities"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_malformed_ship_xml_is_noted_and_file_names_say_the_types(
    tmp_path: Path, ships: str, said: str, zipped: bool
) -> None:
    folder = _product(tmp_path / "made" / "S1A_1", ships)
    root = tmp_path / "made"
    if zipped:
        root = tmp_path / "zips"
        _zip(folder, root / "S1A_1.zip", "S1A_1/")
    scenes, rejects = _read(root, tmp_path / "unpacked")
    assert sorted(box.label for scene in scenes for box in scene.boxes) == [
        "cargo ship",
        "cargo ship",
        "ship",
    ]
    assert [entry.kind for entry in rejects] == ["note"]
    assert said in rejects[0].reason
    assert "types are taken from file names" in rejects[0].reason
    assert "SECRET" not in repr(scenes) + repr(rejects)


def test_who_a_ship_is_appears_nowhere(tmp_path: Path) -> None:
    # a name where the type should be is no class, and is not repeated
    ships = SHIPS.replace("Submarine", "SEA SECRET")
    folder = _product(tmp_path / "made" / "S1A_1", ships)
    _zip(folder, tmp_path / "zips" / "S1A_1.zip")
    scenes, rejects = _read(tmp_path / "zips", tmp_path / "unpacked")
    assert _said(scenes) == EXPECTED
    everything = repr(scenes) + repr(rejects)
    everything += "".join(str(path) for path in (tmp_path / "unpacked").rglob("*"))
    assert not any(secret in everything for secret in ("SEA SECRET", "477207300", "VRFB4"))


def test_one_bad_zip_does_not_lose_the_others(tmp_path: Path) -> None:
    folder = _product(tmp_path / "made" / "S1A_1")
    _zip(folder, tmp_path / "zips" / "S1A_1.zip")
    (tmp_path / "zips" / "S1A_2.zip").write_bytes(b"cut off")
    with zipfile.ZipFile(tmp_path / "zips" / "S1A_3.zip", "w") as archive:
        archive.writestr("../Patch_Uint8/Visual_Cargo_x1_y2_vv.tif", b"x")
    with zipfile.ZipFile(tmp_path / "zips" / "S1A_4.zip", "w") as archive:
        archive.writestr("readme.txt", b"x")
    scenes, rejects = _read(tmp_path / "zips", tmp_path / "unpacked")
    assert _said(scenes) == EXPECTED
    assert [(entry.file, entry.kind) for entry in rejects] == [
        ("S1A_2.zip", "image"),
        ("S1A_3.zip", "image"),
        ("S1A_4.zip", "image"),
    ]
    assert "cannot be opened as a zip" in rejects[0].reason
    assert "leads out" in rejects[1].reason
    assert "holds no chip like" in rejects[2].reason
    assert not (tmp_path / "Patch_Uint8").exists()


def test_a_chip_of_an_unknown_type_is_set_aside(tmp_path: Path) -> None:
    _product(tmp_path / "S1A_1")
    scenes, rejects = _read(tmp_path, classes={"Cargo": "cargo ship"})
    assert [box.label for scene in scenes for box in scene.boxes] == ["cargo ship", "cargo ship"]
    (reject,) = rejects
    assert "class 'Other Type' is unknown" in reject.reason


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_another_image_of_each_chip_is_chosen_by_the_layout(tmp_path: Path) -> None:
    folder = tmp_path / "S1A_1" / "Patch"
    folder.mkdir(parents=True)
    import rasterio

    amplitude = np.arange(2 * 30 * 20, dtype=np.float32).reshape(2, 30, 20)
    with rasterio.open(
        folder / "Cargo_x1_y2.tif", "w", driver="GTiff", width=20, height=30, count=2, dtype="float32"
    ) as raster:
        raster.write(amplitude)
    layout = {"annotations": "{product}/Ship.xml", "images": "{product}/Patch/{type}_x{x}_y{y}"}
    (scene,), rejects = read_source(
        source(tmp_path, "opensarship", layout, classes=CLASSES), 0, 0.2, 0.2, tmp_path / "unpacked"
    )
    assert (scene.scene_id, scene.width, scene.height) == ("tiny/S1A_1/Patch/Cargo_x1_y2", 20, 30)
    assert [entry.kind for entry in rejects] == ["note"]  # there is no Ship.xml


def test_mistakes_that_stop_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file below .* is like .*layout\.images.*fetch tiny"):
        _read(tmp_path, tmp_path / "unpacked")
    for key, value, field in (
        ("images", "{product}/{x}_{y}.tif", "{type}"),
        ("annotations", "Ship.xml", "{product}"),
        ("archives", "all.zip", "{product}"),
    ):
        with pytest.raises(UserError) as error:
            read_source(source(tmp_path, "opensarship", {**LAYOUT, key: value}), 0, 0.2, 0.2)
        assert f"layout.{key}: expected {field}" in str(error.value)
    _zip(_product(tmp_path / "made" / "S1A_1"), tmp_path / "zips" / "S1A_1.zip")
    with pytest.raises(UserError, match="no folder to unpack them in"):
        _read(tmp_path / "zips")
