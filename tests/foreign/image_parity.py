"""Writes images of every kind that Pillow can write, what it reads back from them and what its
resize makes of them, for image_parity.cc to compare with: FOLDER/cases.jsonl, one object a line with
the names of an encoded file and of its expected bytes, and for resizing the size and the filter.

usage: image_parity.py FOLDER"""
import io
import json
import math
import random
import sys

from PIL import Image, ImageOps

FOLDER = sys.argv[1]
RANDOM = random.Random(7)
FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
cases = open(f"{FOLDER}/cases.jsonl", "w", encoding="utf-8")
count = 0


def photo(width, height, mode="RGB"):
    """Smooth areas, hard edges and noise."""
    bands = []
    for band in range(4):
        values = bytearray()
        for y in range(height):
            for x in range(width):
                value = 127 + 90 * math.sin(x / (3 + band) + band) * math.cos(y / 5) + RANDOM.randrange(-20, 20)
                if (x // 9 + y // 7 + band) % 5 == 0:
                    value = 255 if band % 2 else 0
                values.append(max(0, min(255, int(value))))
        bands.append(Image.frombytes("L", (width, height), bytes(values)))
    if mode in ("L", "1"):
        return bands[0].convert(mode)
    if mode == "P":
        return Image.merge("RGB", bands[:3]).quantize(37)
    if mode == "I;16":
        return Image.frombytes("I;16", (width, height), RANDOM.randbytes(2 * width * height))
    return Image.merge(mode, bands[: {"LA": 2, "RGB": 3}.get(mode, 4)])


def write(data, expected, **case):
    global count
    name = f"{count}"
    count += 1
    with open(f"{FOLDER}/{name}.image", "wb") as out:
        out.write(data)
    with open(f"{FOLDER}/{name}.rgb", "wb") as out:
        out.write(expected.tobytes())
    cases.write(json.dumps({"file": f"{name}.image", "rgb": f"{name}.rgb", "width": expected.width,
                            "height": expected.height, **case}) + "\n")


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def reads_back(what, data, tolerance=0):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    write(data, image.convert("RGB"), what=what, tolerance=tolerance)


def decode_cases():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        reads_back(f"png {mode}", encoded(photo(61, 37, mode), "PNG"))
    transparent = photo(20, 20, "P")
    transparent.info["transparency"] = 3
    reads_back("png palette with a transparent colour", encoded(transparent, "PNG", transparency=3))
    for quality, sampling in ((95, 0), (75, 2), (30, 1)):
        for progressive in (False, True):
            for mode in ("L", "RGB", "CMYK"):
                reads_back(f"jpeg {mode} {quality} {sampling} {progressive}",
                           encoded(photo(67, 45, mode), "JPEG", quality=quality, subsampling=sampling,
                                   progressive=progressive))
    for orientation in range(9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for kind in ("JPEG", "PNG", "WEBP"):
            options = {"lossless": True} if kind == "WEBP" else {}
            reads_back(f"{kind} orientation {orientation}",
                       encoded(photo(33, 21), kind, exif=exif.tobytes(), **options))
        reads_back(f"tiff orientation {orientation}",
                   encoded(photo(33, 21), "TIFF", tiffinfo={274: max(1, orientation)}))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for kind in ("JPEG", "WEBP"):
        reads_back(f"{kind} xmp orientation", encoded(photo(33, 21), kind, xmp=xmp))
    for mode in ("RGB", "RGBA"):
        for lossless in (False, True):
            reads_back(f"webp {mode} {lossless}", encoded(photo(50, 41, mode), "WEBP", lossless=lossless))
    frames = [photo(40, 30) for _ in range(3)]
    for kind in ("GIF", "WEBP", "PNG"):
        reads_back(f"{kind} animation", encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
    for mode in ("L", "P", "RGB"):
        for interlace in (0, 1):
            reads_back(f"gif {mode} {interlace}", encoded(photo(37, 29, mode), "GIF", interlace=interlace))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
        for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            reads_back(f"tiff {mode} {compression}",
                       encoded(photo(61, 37, mode), "TIFF", compression=compression))
    reads_back("tiff group4", encoded(photo(61, 37, "1"), "TIFF", compression="group4"))
    reads_back("tiff jpeg", encoded(photo(64, 48), "TIFF", compression="jpeg"))


def resize_cases():
    for width, height in ((91, 118), (118, 91), (64, 64), (300, 17), (17, 300), (5, 3), (1, 1), (233, 151)):
        image = photo(width, height)
        data = encoded(image, "PNG")
        for new_width, new_height in ((64, 64), (71, 92), (width, 40), (40, height), (13, 200), (200, 13),
                                      (224, 224), (1, 1), (width + 1, height - 1 or 1)):
            for number, name in FILTERS.items():
                write(data, image.resize((new_width, new_height), number), filter=name, tolerance=0,
                      what=f"{width} x {height} to {new_width} x {new_height}, {name}")


decode_cases()
resize_cases()
