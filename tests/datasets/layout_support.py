"""One small data set, written as each tool exports it: three pictures to train on, two for val, of 40 x 20 pixels."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from PIL import Image

SIZE = (40, 20)
NAMES = ("cat", "dög")
Boxes = list[tuple[int, tuple[int, int, int, int]]]
"""Index of the class and x1, y1, x2, y2 of each object."""
SPLITS: Mapping[str, Mapping[str, Boxes]] = {
    "train": {
        "a.png": [(0, (2, 4, 12, 12)), (1, (20, 2, 40, 20))],
        "b.png": [(1, (0, 0, 8, 10))],
        "c.png": [],
    },
    "val": {"d.png": [(0, (4, 4, 14, 14))], "e.png": [(1, (10, 5, 30, 15))]},
}


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE, (len(path.name) * 20, ord(path.name[0]), 90)).save(path)


def text(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def coco(pictures: Mapping[str, Boxes], prefix: str = "") -> dict[str, Any]:
    """COCO's lists, with ids as Label Studio and Roboflow give them, from 0."""
    images, annotations = [], []
    for number, (name, boxes) in enumerate(pictures.items()):
        images.append({"id": number, "file_name": prefix + name, "width": SIZE[0], "height": SIZE[1]})
        for index, (x1, y1, x2, y2) in boxes:
            box = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1), "iscrowd": 0}
            annotations.append({"id": len(annotations), "image_id": number, "category_id": index, **box})
    categories = [{"id": index, "name": name} for index, name in enumerate(NAMES)]
    return {"images": images, "annotations": annotations, "categories": categories}


def yolo(boxes: Boxes) -> str:
    width, height = SIZE
    return "".join(
        f"{index} {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} {(x2 - x1) / width} {(y2 - y1) / height}\n"
        for index, (x1, y1, x2, y2) in boxes
    )


def voc(name: str, boxes: Boxes, size: bool = True) -> str:
    name = escape(name)
    lines = ["<annotation>", f"<folder>x</folder><filename>{name}</filename>", f"<path>C:\\x\\{name}</path>"]
    if size:
        lines.append(f"<size><width>{SIZE[0]}</width><height>{SIZE[1]}</height><depth>3</depth></size>")
    for index, (x1, y1, x2, y2) in boxes:
        box = f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
        lines.append(f"<object><name>{NAMES[index]}</name><difficult>0</difficult><bndbox>{box}</bndbox></object>")
    return "\n".join([*lines, "</annotation>"])


def roboflow_coco(root: Path) -> None:
    for split, folder in (("train", "train"), ("val", "valid")):
        for name in SPLITS[split]:
            picture(root / folder / name)
        text(root / folder / "_annotations.coco.json", json.dumps(coco(SPLITS[split])))
    text(root / "README.roboflow.txt", "words")


def coco_2017(root: Path) -> None:
    for split in SPLITS:
        for name in SPLITS[split]:
            picture(root / f"{split}2017" / name)
        text(root / "annotations" / f"instances_{split}2017.json", json.dumps(coco(SPLITS[split])))
        text(root / "annotations" / f"captions_{split}2017.json", json.dumps(coco(SPLITS[split])))


def cvat_coco(root: Path) -> None:
    for split, subset in (("train", "Train"), ("val", "Validation")):
        for name in SPLITS[split]:
            picture(root / "images" / subset / name)
        text(root / "annotations" / f"instances_{subset}.json", json.dumps(coco(SPLITS[split])))


def cvat_coco_task(root: Path) -> None:
    """One subset; its file has a byte order mark."""
    for name in SPLITS["train"]:
        picture(root / "images" / name)
    content = json.dumps(coco(SPLITS["train"]), indent=1).encode("utf-8-sig")
    text(root / "annotations" / "instances_default.json", content)


def label_studio_coco(root: Path) -> None:
    """As it is written on Windows, with a project's number in the names."""
    for name in SPLITS["train"]:
        picture(root / "images" / name)
    text(root / "result.json", json.dumps(coco(SPLITS["train"], "images\\1/"), indent=2))


def labelme2coco(root: Path) -> None:
    for split in SPLITS:
        for name in SPLITS[split]:
            picture(root / "photos" / name)
        text(root / f"{split}.json", json.dumps(coco(SPLITS[split], "..\\photos\\")))
    text(root / "photos" / "a.json", json.dumps({"version": "5", "shapes": [], "imagePath": "a.png"}))


def ultralytics(root: Path) -> None:
    for split in SPLITS:
        for name, boxes in SPLITS[split].items():
            picture(root / "images" / split / name)
            text(root / "labels" / split / name.replace(".png", ".txt"), yolo(boxes))
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(NAMES))
    text(root / "data.yaml", f"path: /content/elsewhere\ntrain: images/train\nval: images/val\ntest:\nnames:\n{names}")


def roboflow_yolo(root: Path) -> None:
    """Its paths begin with ``../`` though the folders lie beside the file; no object gives an empty file."""
    for split, folder in (("train", "train"), ("val", "valid")):
        for name, boxes in SPLITS[split].items():
            picture(root / folder / "images" / name)
            text(root / folder / "labels" / name.replace(".png", ".txt"), b"\xef\xbb\xbf" + yolo(boxes).encode())
    content = (
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['cat', 'd\u00f6g']\n"
    )
    text(root / "data.yaml", content)


def cvat_yolo(root: Path) -> None:
    """Splits are lists; a picture without objects has no file."""
    for split in SPLITS:
        for name, boxes in SPLITS[split].items():
            picture(root / "images" / split / name)
            if boxes:
                text(root / "labels" / split / name.replace(".png", ".txt"), yolo(boxes))
        text(root / f"{split}.txt", "".join(f"images/{split}/{name}\n" for name in SPLITS[split]))
    text(root / "data.yaml", f"path: ./\ntrain: train.txt\nval: [val.txt]\nnames: {list(NAMES)}\n")


def label_studio_yolo(root: Path) -> None:
    for name, boxes in SPLITS["train"].items():
        picture(root / "images" / name)
        text(root / "labels" / name.replace(".png", ".TXT"), yolo(boxes))
    text(root / "classes.txt", "\n".join(NAMES))
    text(root / "notes.json", json.dumps({"categories": [{"id": 0, "name": "cat"}], "info": {}}))


def darknet(root: Path) -> None:
    for split, folder in (("train", "obj_train_data"), ("val", "obj_valid_data")):
        for name, boxes in SPLITS[split].items():
            picture(root / folder / name)
            text(root / folder / name.replace(".png", ".txt"), yolo(boxes))
    for split, folder in (("train", "obj_train_data"), ("valid", "obj_valid_data")):
        lines = SPLITS["val" if split == "valid" else split]
        text(root / f"{split}.txt", "".join(f"data/{folder}/{name}\n" for name in lines))
    text(root / "obj.names", "\n".join(NAMES))
    text(root / "obj.data", "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n")


def voc_devkit(root: Path) -> None:
    for split in SPLITS:
        for name, boxes in SPLITS[split].items():
            picture(root / "JPEGImages" / name)
            text(root / "Annotations" / name.replace(".png", ".xml"), voc(name, boxes))
        text(root / "ImageSets" / "Main" / f"{split}.txt", "".join(f"{name[:-4]}\n" for name in SPLITS[split]))
    text(root / "ImageSets" / "Main" / "cat_train.txt", "a  1\nb -1\n")


def roboflow_voc(root: Path) -> None:
    for split, folder in (("train", "train"), ("val", "valid")):
        for name, boxes in SPLITS[split].items():
            picture(root / folder / name)
            text(root / folder / name.replace(".png", ".xml"), voc(name, boxes))


def labelimg(root: Path) -> None:
    """Beside the pictures, without sizes, in Latin-1 that is not declared, and with another ending in the file name."""
    for name, boxes in SPLITS["train"].items():
        picture(root / name)
        xml = voc(name.replace(".png", ".JPG"), boxes, size=False)
        text(root / name.replace(".png", ".xml"), f"<?xml version='1.0'?>\n{xml}".encode("latin-1"))


LAYOUTS: Mapping[str, Callable[[Path], None]] = {
    function.__name__: function
    for function in (
        *(roboflow_coco, coco_2017, cvat_coco, cvat_coco_task, label_studio_coco, labelme2coco),
        *(ultralytics, roboflow_yolo, cvat_yolo, label_studio_yolo, darknet),
        *(voc_devkit, roboflow_voc, labelimg),
    )
}
ONLY_TRAIN = ("cvat_coco_task", "label_studio_coco", "label_studio_yolo", "labelimg")
