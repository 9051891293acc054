#!/usr/bin/env python3
"""Makes the model files that tests/test_model_file.c reads, with torch, transformers and safetensors, and expected.txt:
what they hold, computed here from the tensors themselves. Nothing here knows this project's code. See README.md."""
import io
import json
import os
import pickle
import shutil
import struct
import sys
import zipfile
import zlib

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

out = sys.argv[1]
os.makedirs(out, exist_ok=True)
expected = []
D, DEPTH, HIDDEN, PATCH, CROP, PD, PDEPTH = 16, 2, 32, 2, 8, 8, 1
N = (CROP // PATCH) ** 2


# ---- A model with the parameters of the official one, in the order in which its modules yield them

class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.proj(F.scaled_dot_product_attention(q, k, v))


class Block(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, hidden)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Conv2d(3, D, PATCH, PATCH)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch_embed = PatchEmbed()
        self.pos_embed = nn.Parameter(torch.randn(1, N, D), requires_grad=False)
        self.blocks = nn.ModuleList([Block(D, HIDDEN) for _ in range(DEPTH)])
        self.norm = nn.LayerNorm(D)

    def forward(self, x):
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Predictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.predictor_embed = nn.Linear(D, PD)
        self.mask_token = nn.Parameter(torch.randn(1, 1, PD))
        self.predictor_pos_embed = nn.Parameter(torch.randn(1, N, PD), requires_grad=False)
        self.predictor_blocks = nn.ModuleList([Block(PD, 4 * PD) for _ in range(PDEPTH)])
        self.predictor_norm = nn.LayerNorm(PD)
        self.predictor_proj = nn.Linear(PD, D)

    def forward(self, x):
        x = self.predictor_embed(x) + self.predictor_pos_embed + self.mask_token
        for block in self.predictor_blocks:
            x = block(x)
        return self.predictor_proj(self.predictor_norm(x))


def excluded(name, p):
    return "bias" in name or p.dim() == 1


def optimizer(encoder, predictor):
    """The four groups of the official training."""
    return torch.optim.AdamW(
        [{"params": [p for n, p in m.named_parameters() if not excluded(n, p)]} for m in (encoder, predictor)]
        + [{"params": [p for n, p in m.named_parameters() if excluded(n, p)], "WD_exclude": True, "weight_decay": 0}
           for m in (encoder, predictor)], lr=1e-3)


# ---- What the tests expect

def describe(file, **facts):
    expected.append(" ".join(["file", file] + [f"{k}={v}" for k, v in facts.items()]))


def expect(name, tensor):
    raw = tensor.detach().to(torch.float32).contiguous().numpy().tobytes()
    expected.append(f"tensor {name} {','.join(map(str, tensor.shape))} {zlib.crc32(raw)}")


def expect_all(prefix, tensors):
    for name, tensor in tensors.items():
        expect(prefix + name, tensor)


def path(name):
    return os.path.join(out, name)


def with_module(tensors):
    return type(tensors)(("module." + k, v) for k, v in tensors.items())


shape = f"crop={CROP} patch={PATCH} dim={D} depth={DEPTH} hidden={HIDDEN}"


# ---- The official code's files

def official():
    torch.manual_seed(1)
    encoder, predictor, target = Encoder(), Predictor(), Encoder()
    opt = optimizer(encoder, predictor)
    for _ in range(2):
        loss = F.smooth_l1_loss(predictor(encoder(torch.randn(2, 3, CROP, CROP))), torch.randn(2, N, D))
        opt.zero_grad()
        loss.backward()
        opt.step()
    scaler = {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000, "_growth_tracker": 7}
    whole = {"encoder": with_module(encoder.state_dict()), "predictor": with_module(predictor.state_dict()),
             "target_encoder": with_module(target.state_dict()), "opt": opt.state_dict(), "scaler": scaler, "epoch": 3,
             "loss": loss.item(), "batch_size": 2, "world_size": 16, "lr": 0.001}
    torch.save(whole, path("official.pth.tar"))
    describe("official.pth.tar", kind="official", crop=CROP, patch=PATCH, dim=D, depth=DEPTH, heads=1, hidden=HIDDEN,
             pred_dim=PD, pred_depth=PDEPTH, encoder=1, target_encoder=1, predictor=1, moments=1, epoch=3, iteration=2)
    expect_all("encoder.", encoder.state_dict())
    expect_all("predictor.", predictor.state_dict())
    expect_all("target_encoder.", target.state_dict())
    for moment in "exp_avg", "exp_avg_sq":
        for prefix, net in ("encoder.", encoder), ("predictor.", predictor):
            for name, p in net.named_parameters():
                if p.requires_grad:
                    expect(f"optimizer.{moment}.{prefix}{name}", opt.state[p][moment])

    # Another code's optimiser: one group. Its moments cannot be told apart; the rest is good.
    whole["opt"] = torch.optim.AdamW(list(encoder.parameters()) + list(predictor.parameters())).state_dict()
    whole.update(scaler=None, target_encoder=None)
    torch.save(whole, path("one_group.pth.tar"))
    describe("one_group.pth.tar", kind="official", crop=CROP, patch=PATCH, dim=D, depth=DEPTH, heads=1, hidden=HIDDEN,
             pred_dim=PD, pred_depth=PDEPTH, encoder=1, target_encoder=0, predictor=1, moments=0, epoch=3, iteration=-1)
    expect_all("encoder.", encoder.state_dict())
    expect_all("predictor.", predictor.state_dict())


def views():
    """A target encoder alone, without "module.", of several types, parameters and views among its tensors."""
    torch.manual_seed(2)
    tensors = Encoder().state_dict()
    for i, key in enumerate(list(tensors)):
        tensors[key] = tensors[key].to([torch.float32, torch.float16, torch.bfloat16, torch.float64][i % 4])
    tensors["blocks.0.mlp.fc1.weight"] = torch.randn(D, HIDDEN).t()
    tensors["patch_embed.proj.weight"] = torch.randn(D, 3, PATCH, PATCH).to(memory_format=torch.channels_last)
    tensors["blocks.1.attn.proj.weight"] = torch.randn(2 * D, 2 * D)[3:3 + D, 5:5 + D]
    tensors["blocks.1.attn.proj.bias"] = torch.randn(100)[50:50 + D]
    tensors["norm.weight"] = nn.Parameter(torch.randn(D))
    tensors["norm.bias"] = torch.randn(2 * D, dtype=torch.float16)[::2]
    torch.save({"target_encoder": tensors, "epoch": 0}, path("views.pth.tar"))
    describe("views.pth.tar", kind="official", crop=CROP, patch=PATCH, dim=D, depth=DEPTH, heads=1, hidden=HIDDEN,
             pred_dim=0, pred_depth=0, encoder=0, target_encoder=1, predictor=0, moments=0, epoch=0, iteration=-1)
    expect_all("target_encoder.", tensors)


def zip64():
    """views.pth.tar as an archive of more than 4 GiB has it: sizes and offsets in 64 bits. torch must read it too."""
    with zipfile.ZipFile(path("views.pth.tar")) as z:
        contents = {name: z.read(name) for name in z.namelist()}
    data, directory = b"", b""
    for name, content in contents.items():
        raw, crc, at = name.encode(), zlib.crc32(content), len(data)
        extra = struct.pack("<HHQQ", 1, 16, len(content), len(content))
        data += struct.pack("<IHHHHHIIIHH", 0x04034B50, 45, 0, 0, 0, 0, crc, 2**32 - 1, 2**32 - 1, len(raw), len(extra))
        data += raw + extra + content
        extra = struct.pack("<HHIHHQQQ", 0x4242, 4, 0, 1, 24, len(content), len(content), at)
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, 0, 0, 0, 0, crc, 2**32 - 1, 2**32 - 1, len(raw),
                                 len(extra), 0, 0, 0, 0, 2**32 - 1) + raw + extra
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, len(contents), len(contents), len(directory), len(data))
    locator = struct.pack("<IIQI", 0x07064B50, 0, len(data) + len(directory), 1)
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    with open(path("zip64.pth.tar"), "wb") as f:
        f.write(data + directory + end64 + locator + end)
    tensors = torch.load(path("zip64.pth.tar"), weights_only=True)["target_encoder"]
    describe("zip64.pth.tar", kind="official", crop=CROP, patch=PATCH, dim=D, depth=DEPTH, heads=1, hidden=HIDDEN,
             pred_dim=0, pred_depth=0, encoder=0, target_encoder=1, predictor=0, moments=0, epoch=0, iteration=-1)
    expect_all("target_encoder.", tensors)


# ---- Files that are refused

class Command:
    def __reduce__(self):
        return os.system, ("touch ijepa-was-here",)


def archive(name, data, method=zipfile.ZIP_STORED, more=()):
    with zipfile.ZipFile(path(name), "w", method) as z:
        z.writestr("archive/data.pkl", data)
        for entry, content in more:
            z.writestr(entry, content)


def refused():
    torch.save({"encoder": {"module.norm.weight": torch.ones(2)}}, path("old_format.pth.tar"),
               _use_new_zipfile_serialization=False)
    archive("command.pth.tar", pickle.dumps({"encoder": Command()}, 2))
    archive("deflated.pth.tar", pickle.dumps({"encoder": {}}, 2), zipfile.ZIP_DEFLATED)
    archive("bomb.pth.tar", bytes(8 << 20), zipfile.ZIP_DEFLATED)
    archive("other.pth.tar", pickle.dumps({"model": {}, "step": 3}, 2))
    torch.save({"encoder": {"patch_embed.proj.weight": torch.zeros(1).expand(1 << 20, 3, 1 << 10, 1 << 10)}},
               path("expanded.pth.tar"))
    buffer = io.BytesIO()
    torch.save({"encoder": {"norm.weight": torch.ones(2)}}, buffer)
    with zipfile.ZipFile(buffer) as z, zipfile.ZipFile(path("big_endian.pth.tar"), "w") as copy:
        for entry in z.namelist():
            copy.writestr(entry, b"big" if entry.endswith("byteorder") else z.read(entry))


# ---- Hugging Face's folders

def huggingface():
    from transformers import IJepaConfig, IJepaForImageClassification, IJepaModel
    config = IJepaConfig(hidden_size=D, num_hidden_layers=DEPTH, num_attention_heads=2, intermediate_size=HIDDEN,
                         image_size=CROP, patch_size=PATCH, layer_norm_eps=1e-6, id2label={0: "a", 1: "b", 2: "c"})
    for name, kind, dtype, limit in (("hf", IJepaModel, torch.float32, "1GB"), ("hf_bf16", IJepaModel, torch.bfloat16, "1GB"),
                                     ("hf_sharded", IJepaModel, torch.float32, "9KB"),
                                     ("hf_classifier", IJepaForImageClassification, torch.float16, "1GB")):
        torch.manual_seed(3)
        model = kind(config)
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(torch.randn(p.shape))
        model = model.to(dtype)
        shutil.rmtree(path(name), ignore_errors=True)
        model.save_pretrained(path(name), max_shard_size=limit)
        describe(name, kind="huggingface", crop=CROP, patch=PATCH, dim=D, depth=DEPTH, heads=2, hidden=HIDDEN, pred_dim=0,
                 pred_depth=0, encoder=0, target_encoder=1, predictor=0, moments=0, epoch=-1, iteration=-1)
        net = model.ijepa if kind is IJepaForImageClassification else model
        expect_official(net)


def expect_official(net):
    """The modules of transformers' model under the official names."""
    def both(name, module):
        expect(f"target_encoder.{name}.weight", module.weight)
        expect(f"target_encoder.{name}.bias", module.bias)
    expect("target_encoder.pos_embed", net.embeddings.position_embeddings)
    both("patch_embed.proj", net.embeddings.patch_embeddings.projection)
    layers = net.encoder.layer if hasattr(net, "encoder") else net.layers
    for i, layer in enumerate(layers):
        modules = dict(layer.named_modules())
        get = lambda *names: next(modules[n] for n in names if n in modules)
        b = f"blocks.{i}."
        both(b + "norm1", get("layernorm_before"))
        qkv = [get("attention.attention." + n, "attention." + n[0] + "_proj") for n in ("query", "key", "value")]
        expect(f"target_encoder.{b}attn.qkv.weight", torch.cat([m.weight for m in qkv]))
        expect(f"target_encoder.{b}attn.qkv.bias", torch.cat([m.bias for m in qkv]))
        both(b + "attn.proj", get("attention.output.dense", "attention.o_proj"))
        both(b + "norm2", get("layernorm_after"))
        both(b + "mlp.fc1", get("intermediate.dense", "mlp.fc1"))
        both(b + "mlp.fc2", get("output.dense", "mlp.fc2"))
    both("norm", net.layernorm)


# ---- Our own names in safetensors

def own():
    torch.manual_seed(4)
    encoder, predictor = Encoder(), Predictor()
    tensors = {"encoder." + k: v for k, v in encoder.state_dict().items()}
    tensors.update({"predictor." + k: v for k, v in predictor.state_dict().items()})
    metadata = {"format": "pt", "ijepa.checkpoint": "1", "model.crop": CROP, "model.patch": PATCH, "model.dim": D,
                "model.depth": DEPTH, "model.heads": 2, "model.hidden": HIDDEN, "model.pred_dim": PD,
                "model.pred_depth": PDEPTH, "model.norm_eps": 1e-6, "model.target_eps": 1e-5, "epoch": 5,
                "iteration": 123456789012, "seed": 18446744073709551615, "rescale_residual": 1,
                "config": "[data]\nbatch_size = 3 ; \"quoted\"\n"}
    save_file(tensors, path("own.safetensors"), {k: str(v) for k, v in metadata.items()})
    facts = dict(kind="own", crop=CROP, patch=PATCH, dim=D, depth=DEPTH, hidden=HIDDEN, pred_dim=PD, pred_depth=PDEPTH,
                 encoder=1, target_encoder=0, predictor=1, moments=0)
    describe("own.safetensors", **facts, heads=2, epoch=5, iteration=123456789012)
    expect_all("encoder.", encoder.state_dict())
    expect_all("predictor.", predictor.state_dict())

    # By hand: three bytes first, so that no float is aligned; several types; some that are no weights; no metadata.
    types = [("F32", torch.float32), ("F16", torch.float16), ("BF16", torch.bfloat16), ("F64", torch.float64)]
    header, data, rounded = {"a.mask": {"dtype": "BOOL", "shape": [3], "data_offsets": [0, 3]}}, b"\0\1\0", {}
    for i, (name, tensor) in enumerate(tensors.items()):
        code, dtype = types[i % 4]
        rounded[name] = tensor.detach().to(dtype).contiguous()
        raw = rounded[name].view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": code, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    for code, shape_, size in ("F8_E4M3", [5], 5), ("F4", [2, 3], 3), ("C64", [1], 8), ("U16", [0], 0):
        header["z." + code] = {"dtype": code, "shape": shape_, "data_offsets": [len(data), len(data) + size]}
        data += bytes(size)
    text = json.dumps(header).encode()
    with open(path("unaligned.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    describe("unaligned.safetensors", **facts, heads=1, epoch=-1, iteration=-1)
    expect_all("", rounded)


official()
views()
zip64()
refused()
huggingface()
own()
with open(path("expected.txt"), "w") as f:
    f.write("\n".join(expected) + "\n")
