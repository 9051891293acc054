#!/usr/bin/env python3
"""Judges what `ijepa export` has written by other programs' readers: Python's zipfile and pickletools, PyTorch,
transformers. Nothing here is made with our code.

    judge_export.py plain FOLDER          the standard library alone
    judge_export.py torch FOLDER ORACLE   with PyTorch; ORACLE: the path of ijepa_torch.py, used where it is there
    judge_export.py same ONE OTHER [PREFIX]  whether OTHER has exactly ONE's tensors with this prefix
    judge_export.py table FILE NAME       whether tensor NAME is the sine-cosine table of its shape

FOLDER holds model.safetensors, which was exported, and the exports: official.pth.tar, again.pth.tar (made from that),
nomoments.pth.tar, copied.pth.tar (of a file without a context encoder), the folders huggingface/, context/, f16/,
bf16/, and weights.safetensors, half.safetensors.
"""
import io
import json
import math
import os
import pickletools
import struct
import sys
import warnings
import zipfile

checks = failures = 0


def check(what, good):
    global checks, failures
    checks += 1
    if not good:
        failures += 1
        print(f"FAILED: {what}")


def read_safetensors(path):
    """name -> (dtype, shape, bytes), metadata"""
    with open(path, "rb") as f:
        length = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(length))
        data = f.read()
    metadata = header.pop("__metadata__", {})
    ends = [0] + sorted(t["data_offsets"][1] for t in header.values())
    check(f"{path}: data without gaps to the end", ends[-1] == len(data) and
          sorted(t["data_offsets"][0] for t in header.values()) == ends[:-1])
    return {n: (t["dtype"], t["shape"], data[slice(*t["data_offsets"])]) for n, t in header.items()}, metadata


def huggingface_names(depth):
    """transformers' name -> (official name, part of three or None)"""
    names = {"embeddings.position_embeddings": ("pos_embed", None)}
    for kind in ("weight", "bias"):
        names["embeddings.patch_embeddings.projection." + kind] = ("patch_embed.proj." + kind, None)
        names["layernorm." + kind] = ("norm." + kind, None)
        for i in range(depth):
            there, here = f"encoder.layer.{i}.", f"blocks.{i}."
            for part, p in enumerate(("query", "key", "value")):
                names[f"{there}attention.attention.{p}.{kind}"] = (f"{here}attn.qkv.{kind}", part)
            names[f"{there}attention.output.dense.{kind}"] = (f"{here}attn.proj.{kind}", None)
            names[f"{there}layernorm_before.{kind}"] = (f"{here}norm1.{kind}", None)
            names[f"{there}layernorm_after.{kind}"] = (f"{here}norm2.{kind}", None)
            names[f"{there}intermediate.dense.{kind}"] = (f"{here}mlp.fc1.{kind}", None)
            names[f"{there}output.dense.{kind}"] = (f"{here}mlp.fc2.{kind}", None)
    return names


def expected_huggingface(source, network, depth):
    """transformers' name -> (shape, float32 bytes)"""
    result = {}
    for name, (official, part) in huggingface_names(depth).items():
        _, shape, data = source[f"{network}.{official}"]
        if part is not None:
            third = len(data) // 3
            shape, data = [shape[0] // 3] + shape[1:], data[part * third:(part + 1) * third]
        result[name] = (shape, data)
    return result


# ---- The standard library ------------------------------------------------------------------------------------------


def judge_zip(path):
    with zipfile.ZipFile(path) as z, open(path, "rb") as raw:
        check(f"{path}: every record's checksum", z.testzip() is None)
        names = z.namelist()
        check(f"{path}: records", len(names) == len(set(names)) and names[0] == "archive/data.pkl" and
              {"archive/byteorder", "archive/version"} < set(names))
        check(f"{path}: version and byte order",
              z.read("archive/version") == b"3\n" and z.read("archive/byteorder") == b"little")
        for info in z.infolist():
            raw.seek(info.header_offset + 26)
            name, extra = struct.unpack("<HH", raw.read(4))
            check(f"{path}: {info.filename} stored at a multiple of 64", info.compress_type == zipfile.ZIP_STORED and
                  (info.header_offset + 30 + name + extra) % 64 == 0)
        text = io.StringIO()
        pickletools.dis(z.read("archive/data.pkl"), out=text)  # fails where the opcodes do not fit together
        allowed = {"collections OrderedDict", "torch FloatStorage", "torch._utils _rebuild_tensor_v2"}
        named = {line.split("'")[1] for line in text.getvalue().splitlines() if " GLOBAL " in line}
        check(f"{path}: the pickle names {named}", named == allowed)
        return z.read("archive/data.pkl"), {n: z.getinfo(n).file_size for n in names}


def judge_huggingface_plain(folder, source, metadata, network):
    for name in ("config.json", "preprocessor_config.json", "README.md", "model.safetensors"):
        check(f"{folder}/{name} is there", os.path.isfile(os.path.join(folder, name)))
    check(f"{folder}: nothing else is there", len(os.listdir(folder)) == 4)
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        config = json.load(f)
    wanted = {"model_type": "ijepa", "architectures": ["IJepaModel"], "hidden_act": "gelu", "qkv_bias": True,
              "num_channels": 3, "layer_norm_eps": 1e-6, "torch_dtype": "float32"}
    for theirs, ours in {"hidden_size": "dim", "num_hidden_layers": "depth", "num_attention_heads": "heads",
                         "intermediate_size": "hidden", "image_size": "crop", "patch_size": "patch"}.items():
        wanted[theirs] = int(metadata["model." + ours])
    for key, value in wanted.items():
        check(f"{folder}/config.json: {key} is {config.get(key)}, not {value}", config.get(key) == value)
    with open(os.path.join(folder, "preprocessor_config.json"), encoding="utf-8") as f:
        images = json.load(f)
    crop = int(metadata["model.crop"])
    check(f"{folder}/preprocessor_config.json", images["size"] == {"height": crop, "width": crop} and
          images["image_mean"] == [0.485, 0.456, 0.406] and images["image_std"] == [0.229, 0.224, 0.225] and
          abs(images["rescale_factor"] - 1 / 255) < 1e-15)
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as f:
        card = f.read()
    check(f"{folder}/README.md: front matter", card.startswith("---\nlibrary_name: transformers\n") and
          "\npipeline_tag: image-feature-extraction\n" in card.split("\n---\n")[0])
    for line in ("complete epochs: " + metadata["epoch"], "optimiser steps: " + metadata["iteration"],
                 "seed: " + metadata["seed"], "    write_tag = jepa"):
        check(f"{folder}/README.md has \"{line}\"", line in card)
    there, their_metadata = read_safetensors(os.path.join(folder, "model.safetensors"))
    expected = expected_huggingface(source, network, wanted["num_hidden_layers"])
    check(f"{folder}: names", set(there) == set(expected))
    check(f"{folder}: format", their_metadata.get("format") == "pt")
    for name, (shape, data) in expected.items():
        check(f"{folder}: {name}", there.get(name) == ("F32", shape, data))


def judge_plain(folder):
    source, metadata = read_safetensors(os.path.join(folder, "model.safetensors"))
    weights = {n: t for n, t in source.items() if not n.startswith("optimizer.")}
    _, records = judge_zip(os.path.join(folder, "official.pth.tar"))
    trained = [n for n in weights if not n.startswith("target_encoder.") and "pos_embed" not in n]
    check("records of the official file", len(records) == 3 + len(weights) + 3 * len(trained))
    pickle, records = judge_zip(os.path.join(folder, "nomoments.pth.tar"))
    check("records of an official file without moments", len(records) == 3 + len(weights))
    check("... and its pickle", b"exp_avg" not in pickle)
    judge_huggingface_plain(os.path.join(folder, "huggingface"), source, metadata, "target_encoder")
    judge_huggingface_plain(os.path.join(folder, "context"), source, metadata, "encoder")
    there, their_metadata = read_safetensors(os.path.join(folder, "weights.safetensors"))
    check("weights.safetensors: the weights and nothing else", there == weights)
    check("weights.safetensors: metadata", all(their_metadata.get(k) == v for k, v in metadata.items()))
    there, their_metadata = read_safetensors(os.path.join(folder, "half.safetensors"))
    check("half.safetensors: one encoder", set(there) == {n for n in weights if n.startswith("encoder.")})
    check("half.safetensors: no predictor's sizes", "model.pred_dim" not in their_metadata)


# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def official_networks(torch, m):
    """The official modules as far as their parameters, names and order go."""
    nn = torch.nn

    def norm(dim):
        return nn.LayerNorm(dim, eps=1e-6)

    class Attention(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    class Mlp(nn.Module):
        def __init__(self, dim, hidden):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    class Block(nn.Module):
        def __init__(self, dim, hidden):
            super().__init__()
            self.norm1, self.attn, self.norm2, self.mlp = norm(dim), Attention(dim), norm(dim), Mlp(dim, hidden)

    class PatchEmbed(nn.Module):
        def __init__(self):
            super().__init__()
            self.proj = nn.Conv2d(3, m["dim"], m["patch"], m["patch"])

    patches = (m["crop"] // m["patch"]) ** 2

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch_embed = PatchEmbed()
            self.pos_embed = nn.Parameter(torch.zeros(1, patches, m["dim"]), requires_grad=False)
            self.blocks = nn.ModuleList([Block(m["dim"], m["hidden"]) for _ in range(m["depth"])])
            self.norm = norm(m["dim"])

    class Predictor(nn.Module):
        def __init__(self):
            super().__init__()
            self.predictor_embed = nn.Linear(m["dim"], m["pred_dim"])
            self.mask_token = nn.Parameter(torch.zeros(1, 1, m["pred_dim"]))
            self.predictor_pos_embed = nn.Parameter(torch.zeros(1, patches, m["pred_dim"]), requires_grad=False)
            self.predictor_blocks = nn.ModuleList(
                [Block(m["pred_dim"], 4 * m["pred_dim"]) for _ in range(m["pred_depth"])])
            self.predictor_norm = norm(m["pred_dim"])
            self.predictor_proj = nn.Linear(m["pred_dim"], m["dim"])

    class Wrapped(nn.Module):  # as DistributedDataParallel names it
        def __init__(self, module):
            super().__init__()
            self.module = module

    return {"encoder": Wrapped(Encoder()), "predictor": Wrapped(Predictor()), "target_encoder": Wrapped(Encoder())}


def official_optimizer(torch, networks):
    """The four groups of the official code."""

    def decays(name, p):
        return "bias" not in name and p.dim() != 1

    groups = []
    for decay in (True, False):
        for network in ("encoder", "predictor"):
            group = {"params": [p for n, p in networks[network].module.named_parameters() if decays(n, p) == decay]}
            if not decay:
                group.update(WD_exclude=True, weight_decay=0)
            groups.append(group)
    return torch.optim.AdamW(groups)


def load(torch, path):
    """As today's torch.load does unless told otherwise. Before version 2 it knew no floats in that mode."""
    safe = int(torch.__version__.split(".")[0]) >= 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=safe)


def judge_scaler(torch, path, state):
    """With use_bfloat16 the official code hands it to a GradScaler, which must take it and be as new."""
    try:
        scaler = torch.amp.GradScaler("cpu")
    except (AttributeError, TypeError):
        return  # before version 2.3 there is one for CUDA only
    check(f"{path}: the scaler's state is a new one's", state == scaler.state_dict())
    scaler.load_state_dict(state)


def judge_official(torch, path, source, metadata, moments):
    m = {k[len("model."):]: int(v) for k, v in metadata.items() if k.startswith("model.") and v.isdigit()}
    checkpoint = load(torch, path)
    networks = official_networks(torch, m)
    fields = ["encoder", "predictor", "target_encoder", "opt", "scaler", "epoch", "loss", "batch_size", "world_size",
              "lr"]
    check(f"{path}: fields {list(checkpoint)}", list(checkpoint) == fields)
    check(f"{path}: epoch", checkpoint["epoch"] == int(metadata["epoch"]))
    check(f"{path}: batch size and learning rate", checkpoint["batch_size"] == 4 and checkpoint["lr"] == 0.001)

    judge_scaler(torch, path, checkpoint["scaler"])

    def same(tensor, name):
        _, shape, data = source[name]
        return (list(tensor.shape) == shape and tensor.dtype == torch.float32 and
                torch.equal(tensor, tensor_of(torch, data, torch.float32).view(shape)))

    for name, network in networks.items():
        check(f"{path}: {name}'s keys in the modules' order",
              list(checkpoint[name]) == [n for n, _ in network.named_parameters()])
        network.load_state_dict(checkpoint[name], strict=True)
        for key, p in network.module.named_parameters():
            check(f"{path}: {name}.{key}", same(p, f"{name}.{key}"))

    optimizer = official_optimizer(torch, networks)
    fresh = official_optimizer(torch, networks).state_dict()["param_groups"]
    optimizer.load_state_dict(checkpoint["opt"])
    for group, wanted in zip(checkpoint["opt"]["param_groups"], fresh):
        check(f"{path}: a group's fields {sorted(set(wanted) - set(group))}", set(wanted) <= set(group))
        check(f"{path}: a group's parameters", group["params"] == wanted["params"])
        check(f"{path}: a group's weight decay", (group["weight_decay"] == 0) == ("WD_exclude" in wanted))
    named = {p: f"{n}.{k}" for n in ("encoder", "predictor") for k, p in networks[n].module.named_parameters()}
    held = 0
    for p, name in named.items():
        state = optimizer.state.get(p, {})
        if not moments or "pos_embed" in name:
            check(f"{path}: {name} has no state", not state)
            continue
        held += 1
        check(f"{path}: {name}'s steps", state["step"].dtype == torch.float32 and state["step"].dim() == 0 and
              state["step"].item() == int(metadata["iteration"]))
        for moment in ("exp_avg", "exp_avg_sq"):
            check(f"{path}: {name}'s {moment}", same(state[moment], f"optimizer.{moment}.{name}"))
    check(f"{path}: {held} parameters with a state", held == len(checkpoint["opt"]["state"]))
    for p in named:
        if p.requires_grad:
            p.grad = torch.ones_like(p)
    before = {name: p.detach().clone() for p, name in named.items()}
    optimizer.step()
    for p, name in named.items():
        check(f"{path}: a step moves {name}, or not", torch.equal(p, before[name]) != p.requires_grad)
        if p.requires_grad:  # each parameter counts its steps for itself
            check(f"{path}: {name} has taken a step more",
                  float(optimizer.state[p]["step"]) == (int(metadata["iteration"]) if moments else 0) + 1)


def tensor_of(torch, data, dtype):
    return torch.frombuffer(bytearray(data), dtype=dtype)


def judge_halves(torch, folder, source, metadata):
    depth = int(metadata["model.depth"])
    expected = expected_huggingface(source, "target_encoder", depth)
    for name, dtype, safetensors in (("f16", torch.float16, "F16"), ("bf16", torch.bfloat16, "BF16")):
        there, _ = read_safetensors(os.path.join(folder, name, "model.safetensors"))
        for key, (shape, data) in expected.items():
            rounded = tensor_of(torch, data, torch.float32).to(dtype).view(torch.int16)
            kind, their_shape, their_data = there[key]
            check(f"{name}: {key}", kind == safetensors and their_shape == shape and
                  torch.equal(rounded, tensor_of(torch, their_data, torch.int16)))


def judge_transformers(torch, folder, source, metadata, oracle):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from transformers import AutoImageProcessor, AutoModel, IJepaModel
            from transformers.utils import logging
    except ImportError:
        print("transformers is not there: its part is left out")
        return
    logging.disable_progress_bar()
    m = {k[len("model."):]: int(v) for k, v in metadata.items() if k.startswith("model.") and v.isdigit()}
    images = torch.rand(3, 3, m["crop"], m["crop"], generator=torch.Generator().manual_seed(1)) * 4 - 2
    for name in ("huggingface", "f16", "bf16"):
        path = os.path.join(folder, name)
        model, info = IJepaModel.from_pretrained(path, output_loading_info=True)
        for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            check(f"{name}: IJepaModel's {key} {info[key]}", not info[key])
        auto = AutoModel.from_pretrained(path)
        check(f"{name}: AutoModel is an {type(auto).__name__}", isinstance(auto, IJepaModel))
        check(f"{name}: stored as {auto.dtype}", str(auto.dtype).endswith(
            {"huggingface": "float32", "f16": "float16", "bf16": "bfloat16"}[name]) or auto.dtype == torch.float32)
        if name != "huggingface":
            continue
        with torch.no_grad():
            ours, theirs = model.eval()(images).last_hidden_state, auto.eval()(images).last_hidden_state
        check("IJepaModel and AutoModel agree", torch.equal(ours, theirs))
        compare_with_oracle(torch, images, ours, source, m, oracle)
    try:
        processor = AutoImageProcessor.from_pretrained(os.path.join(folder, "huggingface"))
    except ImportError as e:
        print(f"the image processor is left out: {str(e).strip().splitlines()[0]}")
        return
    pixels = torch.randint(0, 256, (m["crop"], m["crop"], 3), dtype=torch.uint8)
    got = processor(pixels.numpy(), return_tensors="pt")["pixel_values"][0]
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    wanted = ((pixels.float() / 255 - mean) / std).permute(2, 0, 1)
    check("the image processor's pixels", got.shape == wanted.shape and (got - wanted).abs().max() < 1e-5)


def compare_with_oracle(torch, images, features, source, m, oracle):
    if not os.path.isfile(oracle):
        print(f"{oracle} is not there: features are not compared")
        return
    sys.path.insert(0, os.path.dirname(oracle))
    import ijepa_torch
    prefix = "target_encoder."
    weights = {n[len(prefix):]: tensor_of(torch, d, torch.float32).view(s).double()
               for n, (_, s, d) in source.items() if n.startswith(prefix)}
    fixed = {"pos_embed": weights.pop("pos_embed")}
    wanted = ijepa_torch.encode(images.double(), weights, fixed, m)
    error = ((features - wanted).abs().max() / wanted.abs().max()).item()
    print(f"features against the oracle in float64: {error:.1e} of their scale")
    check("features agree with the oracle", error < 1e-4)


def judge_torch(folder, oracle):
    import torch
    source, metadata = read_safetensors(os.path.join(folder, "model.safetensors"))
    judge_official(torch, os.path.join(folder, "official.pth.tar"), source, metadata, True)
    judge_official(torch, os.path.join(folder, "nomoments.pth.tar"), source, metadata, False)
    official, again = (load(torch, os.path.join(folder, n)) for n in ("official.pth.tar", "again.pth.tar"))
    for part in ("encoder", "predictor", "target_encoder"):
        check(f"{part} through the official file and back", list(official[part]) == list(again[part]) and
              all(torch.equal(v, again[part][k]) for k, v in official[part].items()))
    state = again["opt"]["state"]
    check("the optimiser's state through the official file and back", list(official["opt"]["state"]) == list(state) and
          all(torch.equal(v, state[i][k]) for i, s in official["opt"]["state"].items() for k, v in s.items()))
    copied = load(torch, os.path.join(folder, "copied.pth.tar"))
    for key, value in copied["encoder"].items():
        check(f"the copied {key}", torch.equal(value, copied["target_encoder"][key]))
    check("the copied encoder's optimiser", copied["opt"]["state"] == {} and len(copied["opt"]["param_groups"]) == 4)
    judge_halves(torch, folder, source, metadata)
    judge_transformers(torch, folder, source, metadata, oracle)


def judge_same(one, other, prefix=""):
    wanted = {n: t for n, t in read_safetensors(one)[0].items() if n.startswith(prefix)}
    check(f"{other} has the tensors {prefix}* of {one}", read_safetensors(other)[0] == wanted)


def judge_table(path, name):
    """The first half of a row encodes the column, the second the row; each is [sin | cos]."""
    _, (_, patches, dim), data = read_safetensors(path)[0][name]
    side, quarter = math.isqrt(patches), dim // 4
    values, worst = struct.unpack(f"<{patches * dim}f", data), 0
    for patch in range(patches):
        for i in range(dim):
            position = patch % side if i < dim // 2 else patch // side
            angle = position / 10000 ** (i % quarter / quarter)
            wave = math.cos if i // quarter % 2 else math.sin
            worst = max(worst, abs(values[patch * dim + i] - wave(angle)))
    check(f"{name} is off by {worst}", worst < 1e-6)


def main():
    if sys.argv[1] == "plain":
        judge_plain(sys.argv[2])
    elif sys.argv[1] == "same":
        judge_same(*sys.argv[2:])
    elif sys.argv[1] == "table":
        judge_table(*sys.argv[2:])
    else:
        judge_torch(sys.argv[2], sys.argv[3])
    print(f"{checks} checks, {failures} failed")
    sys.exit(failures > 0)


main()
