#!/usr/bin/env python3
"""Compares what `ijepa embed` writes with what transformers' IJepaModel computes. Nothing here is made with our code.

    judge_features.py make FOLDER    a model of random weights, FOLDER/model; images of 56 and 80 pixels, listed in
                                     FOLDER/small.txt and FOLDER/large.txt
    judge_features.py check FOLDER   compares last.npy (--pool none), four.npy (--layers 4 --pool none), quadrants.npy
                                     (--layers 4 --pool 2x2) of small.txt, large.npy (--crop 80 --positions interpolate)
                                     of large.txt
"""
import ast
import os
import struct
import sys

import torch
from transformers import IJepaConfig, IJepaModel

IMAGES, SIZES = 3, {"small": 56, "large": 80}
TOLERANCE = 1e-5  # of the largest value


def pixels(name):
    g = torch.Generator().manual_seed(SIZES[name])
    return torch.randint(0, 256, (IMAGES, SIZES[name], SIZES[name], 3), generator=g, dtype=torch.uint8)


def make(folder):
    torch.manual_seed(1)
    model = IJepaModel(IJepaConfig(hidden_size=96, num_hidden_layers=5, num_attention_heads=3, intermediate_size=384,
                                   image_size=56, patch_size=8, layer_norm_eps=1e-6), add_pooling_layer=False)
    with torch.no_grad():  # so that nothing is at its trivial value, and attention is not uniform
        for name, p in model.named_parameters():
            if "position" in name:
                p.copy_(0.5 * torch.randn_like(p))
            elif p.dim() == 1:
                p.add_(0.1 * torch.randn_like(p))
            else:
                p.copy_(0.8 * torch.randn_like(p) * p[0].numel() ** -0.5)
    model.save_pretrained(os.path.join(folder, "model"))
    for name, side in SIZES.items():
        with open(os.path.join(folder, name + ".txt"), "w") as listing:
            for i, image in enumerate(pixels(name)):
                with open(os.path.join(folder, f"{name}{i}.ppm"), "wb") as f:
                    f.write(b"P6 %d %d 255\n" % (side, side) + bytes(image.flatten().tolist()))
                listing.write(f"{name}{i}.ppm\n")


def read_npy(path):
    with open(path, "rb") as f:
        data = f.read()
    length, = struct.unpack("<H", data[8:10])
    head = ast.literal_eval(data[10:10 + length].decode())
    assert data[:8] == b"\x93NUMPY\x01\x00" and head["descr"] == "<f4" and not head["fortran_order"]
    return torch.frombuffer(bytearray(data[10 + length:]), dtype=torch.float32).reshape(head["shape"])


def quadrants(x):
    n, patches, width = x.shape
    side = round(patches ** 0.5)
    grid = x.reshape(n, side, side, width).permute(0, 3, 1, 2)
    return torch.nn.functional.adaptive_avg_pool2d(grid, 2).permute(0, 2, 3, 1).reshape(n, -1)


def check(folder):
    model = IJepaModel.from_pretrained(os.path.join(folder, "model"), add_pooling_layer=False).eval()
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    normal = lambda name: (pixels(name).permute(0, 3, 1, 2).float() / 255 - mean) / std
    with torch.inference_mode():
        out = model(normal("small"), output_hidden_states=True)
        last = out.last_hidden_state
        assert len(out.hidden_states) == 6
        four = torch.cat([model.layernorm(h) for h in out.hidden_states[-4:-1]] + [last], -1)
        large = model(normal("large"), interpolate_pos_encoding=True).last_hidden_state.mean(1)
    failures = 0
    for name, expected in dict(last=last, four=four, quadrants=quadrants(four), large=large).items():
        got = read_npy(os.path.join(folder, name + ".npy"))
        error = float((got - expected).abs().max() / expected.abs().max()) if got.shape == expected.shape else float("inf")
        print(f"{name} {list(got.shape)}: off by {error:.2g} of the largest value")
        failures += not error <= TOLERANCE
    return failures


if __name__ == "__main__":
    sys.exit(make(sys.argv[2]) if sys.argv[1] == "make" else check(sys.argv[2]))
