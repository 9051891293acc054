"""Writes encoder.safetensors: python3 make_encoder_features.py GOLDEN_DIR OUT. What the inference encoder should give for
the target encoders of two golden steps, in float64 from the files' own weights and pixels, stored as float32:
    NAME.layers [B, N, 2 D]         both blocks' results, the older first, each through the final LayerNorm, side by side
    NAME.quadrants [B, 4, 2 D]      adaptive_avg_pool2d(2) of these
    NAME.larger, NAME.smaller [B, D]                    means over the patches at crop + 16 and crop - 16, sine-cosine
    NAME.larger.interpolated, NAME.smaller.interpolated positions of that grid; with F.interpolate of the file's table
Larger images are the file's repeated to the right and below, smaller ones their upper left parts.
    bicubic.from [5 5, 8], bicubic.to.N [N N, 8]        F.interpolate(mode='bicubic', align_corners=False) of a table"""
import os, sys
import torch
import torch.nn.functional as F
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ijepa_torch as O
from make_features import load
from make_golden import save

NAMES = ["tiny", "two-contexts"]
SIZES = {"larger": 16, "smaller": -16}


def resized(table, to):
    """[n n, D] -> [to to, D]"""
    n = round(len(table) ** 0.5)
    grid = table.reshape(1, n, n, -1).permute(0, 3, 1, 2)
    return F.interpolate(grid, size=(to, to), mode="bicubic", align_corners=False).permute(0, 2, 3, 1).reshape(to * to, -1)


def layers(img, e, pos, c):
    """Every block's result after the final LayerNorm, [B, N, depth D]"""
    x = F.conv2d(img, e["patch_embed.proj.weight"], e["patch_embed.proj.bias"], stride=c["patch"]).flatten(2).transpose(1, 2) + pos
    out = []
    for i in range(c["depth"]):
        x = O.block(x, e, f"blocks.{i}.", c["heads"])
        out.append(F.layer_norm(x, (c["dim"],), e["norm.weight"], e["norm.bias"], 1e-6))
    return torch.cat(out, -1)


def quadrants(tokens):
    b, n, d = tokens.shape; side = round(n ** 0.5)
    grid = tokens.reshape(b, side, side, d).permute(0, 3, 1, 2)
    return F.adaptive_avg_pool2d(grid, 2).permute(0, 2, 3, 1).reshape(b, 4, d)


if __name__ == "__main__":
    out = {}
    for name in NAMES:
        tensors, meta = load(f"{sys.argv[1]}/{name}.safetensors")
        c = {k: int(meta["model." + k]) for k in ("crop", "patch", "dim", "depth", "heads")}
        prefix = "target_encoder."
        e = {k[len(prefix):]: v.double() for k, v in tensors.items() if k.startswith(prefix)}
        image, table = tensors["image"], O.sincos_2d(c["dim"], c["crop"] // c["patch"])
        tokens = layers(O.normalise(image), e, table, c)
        out[name + ".layers"], out[name + ".quadrants"] = tokens, quadrants(tokens)
        for size, more in SIZES.items():
            s = c["crop"] + more; side = s // c["patch"]
            picture = O.normalise(image.repeat(1, 2, 2, 1)[:, :s, :s])
            mean = lambda pos: layers(picture, e, pos, c)[..., -c["dim"]:].mean(1)
            out[f"{name}.{size}"] = mean(O.sincos_2d(c["dim"], side))
            out[f"{name}.{size}.interpolated"] = mean(resized(table, side))
    g = torch.Generator().manual_seed(7)
    table = torch.randn(25, 8, generator=g, dtype=torch.float64).float().double()
    out["bicubic.from"] = table
    for to in (1, 3, 5, 7, 16):
        out[f"bicubic.to.{to}"] = resized(table, to)
    save(sys.argv[2], {k: v.float().numpy() for k, v in out.items()}, {"format": "ijepa-encoder-features-1"})
