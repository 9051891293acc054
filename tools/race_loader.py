"""What tools/race-loader measures this program against: I-JEPA's transforms by torchvision on Pillow images, one thread.
    race_loader.py FOLDER [--images N] [--all]
The last line is "images_per_second X". --all: flip, colour jitter of strength 1, greyscale and blur as well."""
import argparse
import glob
import os
import random
import time

import torch
from PIL import Image, ImageFilter
from torchvision import transforms as T


def blur(image):
    if random.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2)))
    return image


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    steps = [T.RandomResizedCrop(224, scale=(0.3, 1.0))]
    if options.all:
        jitter = T.ColorJitter(0.8, 0.8, 0.8, 0.2)
        steps += [T.RandomHorizontalFlip(), T.RandomApply([jitter], p=0.8), T.RandomGrayscale(0.2), blur]
    steps += [T.ToTensor(), T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
    transform = T.Compose(steps)
    names = sorted(glob.glob(os.path.join(glob.escape(options.folder), "**", "*.jp*g"), recursive=True))
    if not names:
        parser.exit(1, "no JPEG in %s\n" % options.folder)
    warm = min(50, options.images)
    for i in range(warm + options.images):
        if i == warm:
            start = time.perf_counter()
        with open(names[i % len(names)], "rb") as file:
            transform(Image.open(file).convert("RGB"))
    print("images_per_second %.1f" % (options.images / (time.perf_counter() - start)))


main()
