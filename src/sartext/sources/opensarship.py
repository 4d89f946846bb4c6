"""OpenSARShip: chips of one ship each, and what AIS says of the ship.

Huang et al., OpenSARShip: A Dataset Dedicated to Sentinel-1 Ship Interpretation, JSTARS 2018. A product is a
folder, or a zip read where it lies, with chips (``Patch``: amplitude, VH then VV; ``Patch_Cal``;
``Patch_RGB``; ``Patch_Uint8``) named ``TYPE_xX_yY`` by AIS ship type and place, and a ``Ship.xml`` with the
type in words. That file also says who the ship is (name, MMSI, IMO number, call sign): it is read for its
type alone, never unpacked, and nothing else of it is kept. Some are malformed; the file name says the type.

The chip is cut around its ship, so the whole chip is the ship's box.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from sartext.core.errors import UserError
from sartext.core.files import atomic_folder
from sartext.sources.archives import Archive, open_archive
from sartext.sources.entries import Entry, RawBox
from sartext.sources.layout import IMAGE_SUFFIXES, Folders, fill, match_path
from sartext.sources.rejects import Reject, SetAsideError
from sartext.sources.voc import element_text, find_child, parse_xml

_Types = dict[tuple[str, str], str]


def read_opensarship(
    root: Path,
    layout: dict[str, str],
    classes: Collection[str],
    folders: Folders,
    unpacked: Path | None,
    rejects: list[Reject],
) -> Iterator[Entry]:
    """Read the products of a folder, unpacked or as zips.

    Args:
        root: the source's root.
        layout: ``images`` and ``annotations`` with ``{product}``; ``archives`` where products may be zips.
        classes: the source's class names; a type in words counts where it is one of them.
        folders: listings so far.
        unpacked: folder for the chips of zips, replaced as a whole. A product that is unpacked already is
            not unpacked again.
        rejects: what is set aside is added here.

    Raises:
        UserError: there are zips, but no folder to unpack them in.
    """
    known = {name.casefold() for name in classes}
    products: dict[str, list[tuple[dict[str, str], Path]]] = {}
    for fields, path in folders.matches(root, layout["images"], any_image=True):
        products.setdefault(fields["product"], []).append((fields, path))
    for product, chips in products.items():
        file = fill(layout["annotations"], {"product": product})
        try:
            types = _ship_types(root / file)
        except SetAsideError as fault:
            rejects.append(Reject(file, "", f"{fault.reason}; types are taken from file names", "note"))
            types = {}
        for fields, path in chips:
            yield _entry(fields, path.relative_to(root).as_posix(), "", types, known)
    zips = [
        (fields["product"], path)
        for fields, path in (folders.matches(root, layout["archives"]) if "archives" in layout else [])
        if fields["product"] not in products
    ]
    if zips and unpacked is None:
        raise UserError(f"{root}: holds zip archives, but no folder to unpack them in is given")
    if zips and unpacked is not None:
        yield from _read_zips(zips, root, layout, known, unpacked, rejects)


def _read_zips(
    zips: list[tuple[str, Path]],
    root: Path,
    layout: dict[str, str],
    known: set[str],
    unpacked: Path,
    rejects: list[Reject],
) -> Iterator[Entry]:
    types: dict[str, _Types] = {}
    with atomic_folder(unpacked) as folder:
        for product, path in zips:
            file = path.relative_to(root).as_posix()
            try:
                with open_archive(path) as archive:
                    types[product] = _unpack_product(archive, product, file, layout, folder, rejects)
            except SetAsideError as fault:
                rejects.append(Reject(file, "", fault.reason, fault.kind))
    files = {product: path.relative_to(root).as_posix() for product, path in zips}
    for fields, path in Folders().matches(unpacked, layout["images"], any_image=True):
        product = fields["product"]
        record = path.relative_to(unpacked / product).as_posix()
        entry = _entry(fields, files[product], record, types[product], known)
        entry.base = unpacked
        yield entry


def _unpack_product(
    archive: Archive, product: str, file: str, layout: dict[str, str], folder: Path, rejects: list[Reject]
) -> _Types:
    """Unpack the chips of a zip to ``folder/PRODUCT``, and return its ships' types."""
    chips: dict[str, str] = {}
    annotation = ""
    for name in archive.names:
        # some zips have a folder of the product's name at the top, some do not
        path = name if name.startswith(f"{product}/") else f"{product}/{name}"
        if match_path(layout["annotations"], path) is not None:
            annotation = name
        elif _is_chip(layout["images"], path):
            chips[name] = path.removeprefix(f"{product}/")
    if not chips:
        raise SetAsideError(f"holds no chip like {layout['images']!r} (layout.images)")
    archive.unpack(chips, folder / product)
    try:
        if not annotation:
            raise SetAsideError(f"holds no {layout['annotations']!r} (layout.annotations)")
        return _ship_types(archive.read(annotation))
    except SetAsideError as fault:
        rejects.append(Reject(file, annotation, f"{fault.reason}; types are taken from file names", "note"))
        return {}


def _is_chip(pattern: str, path: str) -> bool:
    stem, dot, suffix = path.rpartition(".")
    bare = stem if dot + suffix.lower() in IMAGE_SUFFIXES else path
    return match_path(pattern, path) is not None or match_path(pattern, bare) is not None


def _ship_types(source: Path | bytes) -> _Types:
    """Each ship's type in words by the (x, y) of its chip's centre; no other field is looked at."""
    types: _Types = {}
    for ship in parse_xml(source):
        place = find_child(ship, "sarshipinformation")
        said = element_text(find_child(ship, "marinetrafficinformation"), "elaborated_type")
        if place is not None and said:
            types[element_text(place, "center_x"), element_text(place, "center_y")] = said
    return types


def _entry(fields: dict[str, str], file: str, record: str, types: _Types, known: set[str]) -> Entry:
    label = types.get((fields["x"], fields["y"]), "")
    if label.casefold() not in known:
        label = fields["type"]
    # shares of the sides: the whole chip
    return Entry(file, record, fields=fields, boxes=[RawBox("ship", label, 0, 0, 1, 1)], normalised=True)
