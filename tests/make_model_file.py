#!/usr/bin/env python3
"""Writes a checkpoint of random numbers, as ijepa's own are described in engine/checkpoint.h, with nothing of ours: the
input of the export tests.

    make_model_file.py OUT [--shape crop,patch,dim,depth,heads,hidden,pred_dim,pred_depth] [--without PREFIX]...
                       [--config CONFIG.ini] [--fill NAME=VALUE]...
"""
import argparse
import array
import json
import random

VERSION = "1"


def block(prefix, dim, hidden):
    yield prefix + "norm1.weight", [dim]
    yield prefix + "norm1.bias", [dim]
    yield prefix + "attn.qkv.weight", [3 * dim, dim]
    yield prefix + "attn.qkv.bias", [3 * dim]
    yield prefix + "attn.proj.weight", [dim, dim]
    yield prefix + "attn.proj.bias", [dim]
    yield prefix + "norm2.weight", [dim]
    yield prefix + "norm2.bias", [dim]
    yield prefix + "mlp.fc1.weight", [hidden, dim]
    yield prefix + "mlp.fc1.bias", [hidden]
    yield prefix + "mlp.fc2.weight", [dim, hidden]
    yield prefix + "mlp.fc2.bias", [dim]


def encoder(m):
    yield "patch_embed.proj.weight", [m["dim"], 3, m["patch"], m["patch"]]
    yield "patch_embed.proj.bias", [m["dim"]]
    for i in range(m["depth"]):
        yield from block(f"blocks.{i}.", m["dim"], m["hidden"])
    yield "norm.weight", [m["dim"]]
    yield "norm.bias", [m["dim"]]


def predictor(m):
    yield "predictor_embed.weight", [m["pred_dim"], m["dim"]]
    yield "predictor_embed.bias", [m["pred_dim"]]
    yield "mask_token", [1, 1, m["pred_dim"]]
    for i in range(m["pred_depth"]):
        yield from block(f"predictor_blocks.{i}.", m["pred_dim"], 4 * m["pred_dim"])
    yield "predictor_norm.weight", [m["pred_dim"]]
    yield "predictor_norm.bias", [m["pred_dim"]]
    yield "predictor_proj.weight", [m["dim"], m["pred_dim"]]
    yield "predictor_proj.bias", [m["dim"]]


def tensors(m):
    """Not in the official order: the reader goes by names."""
    patches = (m["crop"] // m["patch"]) ** 2
    trained = [("encoder." + n, s) for n, s in encoder(m)] + [("predictor." + n, s) for n, s in predictor(m)]
    for moment in ("exp_avg_sq", "exp_avg"):
        yield from ((f"optimizer.{moment}.{n}", s) for n, s in reversed(trained))
    yield from trained
    yield from (("target_encoder." + n, s) for n, s in encoder(m))
    yield "encoder.pos_embed", [1, patches, m["dim"]]
    yield "predictor.predictor_pos_embed", [1, patches, m["pred_dim"]]
    yield "target_encoder.pos_embed", [1, patches, m["dim"]]


def count(shape):
    n = 1
    for s in shape:
        n *= s
    return n


def write_random(out, n, positive, noise):
    """n floats from a pool of random ones, a piece from a random place at a time."""
    while n > 0:
        start = random.randrange(len(noise) - 1)
        piece = noise[start:start + n]
        if positive:
            piece = array.array("f", (v * v for v in piece)) if len(piece) < 100000 else piece
        piece.tofile(out)
        n -= len(piece)


def main():
    keys = ["crop", "patch", "dim", "depth", "heads", "hidden", "pred_dim", "pred_depth"]
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--shape", default="16,4,32,2,2,128,16,1")
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--config", help="an INI file to put into the metadata")
    parser.add_argument("--fill", action="append", default=[], help="a tensor all of whose elements are VALUE")
    o = parser.parse_args()
    fill = dict(f.split("=") for f in o.fill)
    random.seed(1)
    m = dict(zip(keys, map(int, o.shape.split(","))))
    names = [(n, s) for n, s in tensors(m) if not any(n.startswith(w) for w in o.without)]
    metadata = {"format": "pt", "ijepa.checkpoint": VERSION, "epoch": "3", "iteration": "77", "seed": "5",
                "rescale_residual": "0", "model.norm_eps": "9.99999997e-07", "model.target_eps": "9.99999975e-06"}
    metadata.update({"model." + k: str(v) for k, v in m.items()})
    if o.config:
        with open(o.config, encoding="utf-8") as f:
            metadata["config"] = f.read()
    header, offset = {"__metadata__": metadata}, 0
    for name, shape in names:
        size = 4 * count(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    noise = array.array("f", (random.gauss(0, 0.1) for _ in range(1000 if offset < 1 << 24 else 1 << 20)))
    with open(o.out, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for name, shape in names:
            random.seed(name)  # the same values whatever else the file holds
            if name in fill:
                array.array("f", [float(fill[name])] * count(shape)).tofile(f)
                continue
            write_random(f, count(shape), "exp_avg_sq" in name, noise)


main()
