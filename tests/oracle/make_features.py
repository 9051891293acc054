"""Writes features.safetensors: python3 make_features.py GOLDEN_DIR OUT. For each golden step named below, the frozen
features of its images at the start: the mean over patches of the target encoder's last layer, after its final LayerNorm,
computed in float64 from the file's own weights and pixels and stored as float32 [B, D] under the step's name."""
import json, os, struct, sys
import numpy as np, torch
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ijepa_torch as O
from make_golden import save

NAMES = ["tiny", "ragged", "two-contexts"]
TYPES = {"F32": np.float32, "I32": np.int32, "U8": np.uint8}


def load(path):
    with open(path, "rb") as f:
        head = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    meta = head.pop("__metadata__")
    part = lambda e: np.frombuffer(data[e["data_offsets"][0]:e["data_offsets"][1]], TYPES[e["dtype"]]).reshape(e["shape"])
    return {k: torch.from_numpy(part(e).copy()) for k, e in head.items()}, meta


if __name__ == "__main__":
    out = {}
    for name in NAMES:
        tensors, meta = load(f"{sys.argv[1]}/{name}.safetensors")
        c = {k: int(meta["model." + k]) for k in ("crop", "patch", "dim", "depth", "heads")}
        prefix = "target_encoder."
        weights = {k[len(prefix):]: v.double() for k, v in tensors.items() if k.startswith(prefix)}
        fixed = {"pos_embed": O.sincos_2d(c["dim"], c["crop"] // c["patch"])[None]}
        out[name] = O.encode(O.normalise(tensors["image"]), weights, fixed, c).mean(1).float().numpy()
    save(sys.argv[2], out, {"format": "ijepa-features-1"})
