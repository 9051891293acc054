"""Makes tests/transform_vectors.bin: what Pillow makes of a small image, and of all colours, by the formulas of
torchvision's colour transforms (torchvision/transforms/functional_pil.py) and Pillow's GaussianBlur. Not needed to
run the tests. Made with Pillow 9.4.0 by

    python3 tests/make_transform_vectors.py tests/transform_vectors.bin

The file, little-endian: u32 side; the image [side, side, 3]; then records of u32 kind, f64 amount and what came out.
Kinds 0 .. 4 are ij_colour_change's, 5 is a blur of radius `amount`; out come [side, side, 3] bytes. Kind + 16: the
u32 CRC-32 of the same change of a 4096 x 4096 image of all colours, red fastest, blue slowest."""
import random
import struct
import sys
import zlib

from PIL import Image, ImageEnhance, ImageFilter

SIDE = 23
BRIGHTNESS, CONTRAST, SATURATION, HUE, GREY, BLUR = range(6)


def small_image():
    """A row of flat colours, smooth slopes, greys and near-greys, noise, black and white."""
    draw = random.Random(1)
    pixels = bytearray()
    for y in range(SIDE):
        for x in range(SIDE):
            if y < 3:
                p = [255 * (x >> c & 1) for c in range(3)]
            elif y < 9:
                p = [11 * x, 255 - 9 * x, 20 * y]
            elif y < 13:
                grey = draw.randrange(256)
                p = [min(255, grey + draw.randrange(3)) for _ in range(3)]
            else:
                p = [draw.randrange(256) for _ in range(3)]
            pixels += bytes(p)
    return Image.frombytes("RGB", (SIDE, SIDE), bytes(pixels))


def all_colours():
    steps = bytes(range(256))
    red = steps * 65536
    green = b"".join(bytes([v]) * 256 for v in steps) * 256
    blue = b"".join(bytes([v]) * 65536 for v in steps)
    planes = [Image.frombytes("L", (4096, 4096), plane) for plane in (red, green, blue)]
    return Image.merge("RGB", planes)


def change(image, kind, amount):
    if kind == BRIGHTNESS:
        return ImageEnhance.Brightness(image).enhance(amount)
    if kind == CONTRAST:
        return ImageEnhance.Contrast(image).enhance(amount)
    if kind == SATURATION:
        return ImageEnhance.Color(image).enhance(amount)
    if kind == GREY:
        grey = image.convert("L")
        return Image.merge("RGB", (grey, grey, grey))
    if kind == BLUR:
        return image.filter(ImageFilter.GaussianBlur(radius=amount))
    shift = int(amount * 255)  # as numpy.uint8(amount * 255): cut, then modulo 256
    h, s, v = image.convert("HSV").split()
    h = h.point([(i + shift) % 256 for i in range(256)])
    return Image.merge("HSV", (h, s, v)).convert("RGB")


SMALL = (
    [(kind, a) for kind in (BRIGHTNESS, CONTRAST, SATURATION) for a in (0.0, 0.2, 0.7371, 1.0, 1.3333, 1.8, 2.6)]
    + [(HUE, a) for a in (-0.5, -0.2, -0.0713, 0.0, 0.1, 0.2, 0.5)]
    + [(GREY, 0.0)]
    + [(BLUR, a) for a in (0.1, 0.25, 0.6, 0.9, 1.3, 1.41421356, 1.42, 1.77, 2.0, 2.4)]
)
ALL = [(SATURATION, 0.35), (SATURATION, 1.7), (HUE, 0.0), (HUE, 0.2), (HUE, -0.13), (GREY, 0.0), (CONTRAST, 1.7)]


def main():
    image, colours = small_image(), all_colours()
    with open(sys.argv[1], "wb") as out:
        out.write(struct.pack("<I", SIDE) + image.tobytes())
        for kind, amount in SMALL:
            out.write(struct.pack("<Id", kind, amount) + change(image, kind, amount).tobytes())
        for kind, amount in ALL:
            crc = zlib.crc32(change(colours, kind, amount).tobytes())
            out.write(struct.pack("<IdI", kind + 16, amount, crc))


main()
