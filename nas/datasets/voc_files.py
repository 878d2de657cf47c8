"""The XML files of one split in Pascal VOC's format, read as a COCO dictionary.

A box is taken as the file has it, from (xmin, ymin) to (xmax, ymax); VOC's own files count pixels from 1, most tools
from 0.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from nas.datasets.annotated import AnnotatedFiles, Reading
from nas.datasets.coco_entries import PLACE, Fault
from nas.datasets.coco_files import read_header
from nas.datasets.pictures import PictureIndex, as_path, files_below
from nas.datasets.quoting import shown_name, shown_value
from nas.datasets.stamps import stamp
from nas.words import plural

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


Object = tuple[str, list[float]]
"""Name and box [x, y, width, height]."""


@dataclass(frozen=True, slots=True)
class _Annotation:
    """An XML file.

    Attributes:
        file_name: what it calls its picture.
        size: (height, width) as it says; None where it does not say, or says 0.
        objects: each object, or the fault for which it cannot be read.
        difficult: how many objects are marked so.
        content: what stands for it in the identity.
    """

    file_name: str
    size: tuple[int, int] | None
    objects: tuple[Object | Fault, ...]
    difficult: int
    content: bytes


class VocFiles(AnnotatedFiles):
    """XML files with their pictures."""

    def __init__(
        self, source: Path, root: Path, pictures: Path, all_xml: Sequence[Path], ids: Sequence[str] | None = None
    ) -> None:
        """What the split is made of.

        Args:
            source: the list of the split, or the folder of its XML files.
            root: of the data set.
            pictures: the folder of the pictures.
            all_xml: folders with the XML files of all splits; the classes are those of all of them.
            ids: names of the split's XML files without their ending; None for all in ``source``.
        """
        self.source, self.folder = source, pictures
        self._root, self._all_xml, self._ids = root, tuple(all_xml), None if ids is None else tuple(ids)

    def key(self, image_size: int) -> str:
        """See :class:`AnnotatedFiles`: names, sizes and times of change of all XML files and of the pictures."""
        start = os.path.relpath(self.folder, self._root)
        pictures = (os.path.join(start, path) for path in self._index.paths)
        split = os.path.relpath(self.source, self._root)
        return stamp(self._root, f"voc {image_size} {split} {self._ids}", (*self._xml, *pictures))

    def read(self) -> Reading:
        """See :class:`AnnotatedFiles`."""
        annotations = {path: _parse(self._root / path) for path in self._xml}
        readable = (one for one in annotations.values() if isinstance(one, _Annotation))
        names = sorted({found[0] for one in readable for found in one.objects if isinstance(found, tuple)})
        reader = _Reader(self._index, {name: number for number, name in enumerate(names, start=1)})
        for path in self._own():
            reader.add(path, annotations.get(path, Fault("missing annotation", "is not there")))
        categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
        raw = {"images": reader.images, "annotations": reader.rows, "categories": categories}
        content = f"voc {names} {reader.digest.hexdigest()}".encode(errors="surrogatepass")
        return Reading(raw, content, tuple(reader.faults), remarks=tuple(self._remarks(reader)))

    def _remarks(self, reader: _Reader) -> Iterator[str]:
        if reader.sizeless:
            yield f"no size stands in {plural(reader.sizeless, 'XML file')}; it was taken from the picture"
        if reader.renamed:
            yield f"{plural(reader.renamed, 'XML file')} with another file name than the picture's, found by name"
        if reader.difficult:
            yield f"{plural(reader.difficult, 'object')} marked difficult count as all others"
        alone = 0 if self._ids is not None else len(self._index.paths) - len(reader.images)
        if alone > 0:
            yield f"{plural(alone, 'picture')} without an XML file are left out"

    def _own(self) -> list[str]:
        """The XML files of the split, below the root."""
        if self._ids is None:
            start = os.path.relpath(self.source, self._root)
            return [path for path in self._xml if os.path.dirname(path) == ("" if start == "." else start)]
        start = os.path.relpath(self._all_xml[0], self._root)
        return [os.path.join(start, f"{name}.xml") for name in self._ids]

    @cached_property
    def _xml(self) -> tuple[str, ...]:
        """The XML files of all splits, below the root, in order."""
        found = []
        for folder in self._all_xml:
            start = os.path.relpath(folder, self._root)
            for name in files_below(folder):
                if name.lower().endswith(".xml"):
                    found.append(os.path.normpath(os.path.join(start, name)))
        return tuple(found)

    @cached_property
    def _index(self) -> PictureIndex:
        return PictureIndex(self.folder)


class _Reader:
    """Collects rows in COCO's format, and what cannot be read."""

    def __init__(self, index: PictureIndex, labels: Mapping[str, int]) -> None:
        self._index, self._labels = index, labels
        self.images: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.digest = hashlib.sha256()
        self.sizeless = self.renamed = self.difficult = 0

    def add(self, path: str, found: _Annotation | Fault) -> None:
        """An XML file, or why it cannot be read."""
        image: dict[str, Any] = {"id": len(self.images) + 1, "file_name": path, PLACE: path}
        self.digest.update(f"{path}\n".encode(errors="surrogatepass"))
        if isinstance(found, Fault):
            self._fault(found, f"{shown_name(path)} {found.clause}")
        else:
            self.digest.update(found.content)
            own = self._find(path, found.file_name)
            image["file_name"] = as_path(found.file_name) or path if own is None else own
            size = found.size or (None if own is None else self._size(own))
            if size is None:
                kind = "missing image" if own is None else "broken image"
                self._fault(Fault(kind, ""), f"{shown_name(path)} has no picture whose size could be read")
            else:
                image |= {"height": size[0], "width": size[1]}
            self.difficult += found.difficult
            for number, one in enumerate(found.objects, start=1):
                self._add_object(image["id"], f"{path}, object {number}", one)
        self.images.append(image)

    def _fault(self, fault: Fault, clause: str) -> None:
        self.faults.append(Fault(fault.kind, clause, "images", len(self.images)))

    def _add_object(self, image_id: int, place: str, found: Object | Fault) -> None:
        row: dict[str, Any] = {"id": len(self.rows) + 1, "image_id": image_id, PLACE: place}
        if isinstance(found, Fault):
            clause = f"{shown_name(place)} {found.clause}"
            self.faults.append(Fault(found.kind, clause, "annotations", len(self.rows)))
        else:
            row |= {"category_id": self._labels[found[0]], "bbox": found[1]}
        self.rows.append(row)

    def _find(self, path: str, file_name: str) -> str | None:
        """The picture of an XML file, relative to the folder of pictures."""
        found = self._index.find_stem(os.path.splitext(path)[0])
        if found is None and file_name:
            found = self._index.find(file_name)
        if found is not None and file_name:
            self.renamed += as_path(file_name).rsplit("/", 1)[-1] != os.path.basename(found)
        return found

    def _size(self, picture: str) -> tuple[int, int] | None:
        self.sizeless += 1
        header = read_header(self._index.folder / picture)
        return None if header is None else header.shown_size


def _parse(path: Path) -> _Annotation | Fault:
    """An XML file, or the fault for which it cannot be read; the clause follows the file's name."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return Fault("broken annotation", f"cannot be read ({error.strerror})")
    try:
        tree = _tree(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        return Fault("broken annotation", f"is no XML ({error})")
    if tree.tag != "annotation":
        return Fault("broken annotation", f"begins with <{tree.tag}>; in Pascal VOC's format it is <annotation>")
    objects = tuple(_object(one) for one in tree.findall("object"))
    difficult = sum(one.findtext("difficult", "0").strip() == "1" for one in tree.findall("object"))
    return _Annotation(_text(tree, "filename"), _size(tree), objects, difficult, content)


def _tree(content: bytes) -> ElementTree.Element:
    """XML in the encoding that it declares; in Latin-1 where it is not in that encoding."""
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError:
        text = content.decode("latin-1")
        if text.isascii():
            raise
        return ElementTree.fromstring(re.sub(r"<\?xml.*?\?>", "", text, count=1).lstrip("\xef\xbb\xbf \r\n\t"))


def _text(element: ElementTree.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _size(tree: ElementTree.Element) -> tuple[int, int] | None:
    sides = [_number(_text(tree, f"size/{name}")) for name in ("height", "width")]
    height, width = (int(side) if side is not None and side >= 1 else 0 for side in sides)
    return (height, width) if height and width else None


def _object(element: ElementTree.Element) -> Object | Fault:
    name = _text(element, "name")
    if not name:
        return Fault("wrong structure", "has no name")
    texts = [_text(element, f"bndbox/{corner}") for corner in _CORNERS]
    numbers = [_number(text) for text in texts]
    for corner, text, number in zip(_CORNERS, texts, numbers):
        if number is None:
            return Fault("wrong structure", f"has {corner} {shown_value(text)} in bndbox; it must be a finite number")
    left, top, right, bottom = (number for number in numbers if number is not None)
    if right < left or bottom < top:
        box = f"from ({left:g}, {top:g}) to ({right:g}, {bottom:g})"
        return Fault("wrong structure", f"has a box {box}; xmin, ymin must come before xmax, ymax")
    return name, [left, top, right - left, bottom - top]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
