"""Makes docs/images/demo.jpg, the README's picture, from what `pointillist demo` left behind.

python docs/make_picture.py [--demo FOLDER] [--method NAME]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2

from pointillist import demo, open_dataset
from pointillist.files import whole_file
from pointillist.inference import evaluate
from pointillist.report.pictures import contact_sheet, examples
from pointillist.samples import read_pixels

PICTURE = Path(__file__).parent / "images" / "demo.jpg"
COUNT, COLUMNS, CELL = 8, 4, 240


def main() -> None:
    """Eight creatures that the network has not seen, from the best predicted to the worst."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="the demo's folder")
    parser.add_argument("--method", default="supervised", help="whose predictions")
    chosen = parser.parse_args()
    data = open_dataset(chosen.demo / "data" / "annotations.json", "coco")
    test = data.subset(data.images[-demo.PARTS["test"] :])
    _, truth, predicted = evaluate(chosen.demo / chosen.method, test, quiet=False)
    shown, _ = examples(truth, predicted, read=read_pixels, count=COUNT, paired=True)
    sheet = contact_sheet([example.image for example in shown], COLUMNS, cell=CELL)
    for example in shown:
        print(example.caption)
    bgr = cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)
    _, data_bytes = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 80])
    with whole_file(PICTURE) as file:
        file.write_bytes(data_bytes.tobytes())
    print(f"wrote {PICTURE}: {len(data_bytes) // 1024} KB")


if __name__ == "__main__":
    main()
