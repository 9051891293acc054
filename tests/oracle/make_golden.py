"""Writes golden files: python3 tests/oracle/make_golden.py OUT_DIR [SEED_OFFSET]. One float64 training run each, stored
as float32 safetensors. The layout is described in tests/golden/README.md."""
import json, struct, sys
import numpy as np, torch
import ijepa_torch as O

CASES = {
    "tiny": dict(crop=48, patch=8, dim=48, depth=2, heads=3, mlp=4, pdim=24, pdepth=2, B=3, nenc=1, npred=4, loss="l2"),
    "tiny-smooth-l1": dict(crop=48, patch=8, dim=48, depth=2, heads=3, mlp=4, pdim=24, pdepth=2, B=3, nenc=1, npred=4, loss="smooth_l1"),
    "two-contexts": dict(crop=56, patch=8, dim=64, depth=2, heads=2, mlp=4, pdim=32, pdepth=1, B=2, nenc=2, npred=3, loss="l2"),
    "huge-heads": dict(crop=70, patch=14, dim=160, depth=1, heads=2, mlp=4, pdim=96, pdepth=1, B=2, nenc=1, npred=2, loss="smooth_l1"),
    "giant-heads": dict(crop=64, patch=16, dim=176, depth=1, heads=2, mlp=48 / 11, pdim=48, pdepth=1, B=2, nenc=1, npred=4, loss="l2"),
    "ragged": dict(crop=64, patch=8, dim=64, depth=2, heads=2, mlp=4, pdim=32, pdepth=2, B=5, nenc=1, npred=4, loss="l2", ragged=1),
    "vit-tiny": dict(crop=64, patch=8, dim=192, depth=1, heads=3, mlp=4, pdim=96, pdepth=2, B=4, nenc=1, npred=4, loss="smooth_l1"),
    "joint-scattered": dict(crop=48, patch=8, dim=48, depth=2, heads=3, mlp=4, pdim=24, pdepth=2, B=3, nenc=1, npred=1, loss="smooth_l1",
                            scatter=dict(block=2, targets=16, contexts=14), seed=1201),
    # pixels: in the first `steps` steps these alone, after them with `weight` beside the features
    "pixels": dict(crop=28, patch=7, dim=48, depth=2, heads=3, mlp=4, pdim=24, pdepth=2, B=3, nenc=1, npred=4, loss="l2", pixels=dict(steps=3, weight=0), seed=1301),
    "features-and-pixels": dict(crop=48, patch=8, dim=48, depth=2, heads=3, mlp=4, pdim=24, pdepth=2, B=2, nenc=2, npred=2, loss="smooth_l1", pixels=dict(steps=0, weight=0.5), seed=1302),
    "pixels-then-features": dict(crop=40, patch=5, dim=48, depth=2, heads=3, mlp=4, pdim=24, pdepth=2, B=2, nenc=1, npred=2, loss="l2", pixels=dict(steps=1, weight=0.25), seed=1303),
    "averaged-targets": dict(crop=48, patch=8, dim=48, depth=3, heads=3, mlp=4, pdim=24, pdepth=1, B=2, nenc=2, npred=2, loss="smooth_l1", target_layers=2, seed=1401),
    # AdamW forgets a gradient's length but for eps, which is large here; the head for pixels has no part after step 1
    "clipped": dict(crop=48, patch=8, dim=48, depth=2, heads=3, mlp=4, pdim=24, pdepth=2, B=2, nenc=1, npred=4, loss="l2", pixels=dict(steps=1, weight=0), clip_grad=0.3, eps=1e-3, seed=1402),
    "scaled-positions": dict(crop=48, patch=8, dim=48, depth=2, heads=3, mlp=4, pdim=24, pdepth=1, B=2, nenc=1, npred=4, loss="l2", position_scale=0.25, seed=1501),
    "variance-covariance": dict(crop=40, patch=8, dim=48, depth=1, heads=3, mlp=4, pdim=24, pdepth=1, B=3, nenc=2, npred=2, loss="l2", variance_weight=0.004, covariance_weight=0.002, seed=1502),
    "sigreg": dict(crop=40, patch=8, dim=48, depth=1, heads=3, mlp=4, pdim=24, pdepth=1, B=6, nenc=1, npred=2, loss="smooth_l1", sigreg_weight=0.5, seed=1503),
}
STEPS = [dict(lr=5e-4, wd=0.04, ema=0.996), dict(lr=1e-3, wd=0.1, ema=0.997), dict(lr=7e-4, wd=0.4, ema=0.999)]
EPS = 1e-6


def save(path, tensors, meta):
    head, off = {"__metadata__": {k: str(v) for k, v in meta.items()}}, 0
    for k, a in tensors.items():
        t = {"float32": "F32", "int32": "I32", "uint8": "U8"}[str(a.dtype)]
        head[k] = {"dtype": t, "shape": list(a.shape), "data_offsets": [off, off + a.nbytes]}; off += a.nbytes
    h = json.dumps(head).encode(); h += b" " * (-len(h) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(h))); f.write(h)
        for a in tensors.values():
            f.write(np.ascontiguousarray(a).tobytes())


def ragged_step(img, e, ef, p, pf, t, c, enc, pred, kind):
    """Every image keeps its whole context, so nothing stacks: one (context block, image) pair at a time, mean of
    the losses (all target blocks of a batch have one size). Outputs are packed [tokens, D]: context by (context
    block, image); prediction and target by (target block, context block, image), as the stacked form is."""
    B, E, n = len(img), len(enc[0]), len(pred[0]); ge = {k: 0 for k in e}; gp = {k: 0 for k in p}; loss = 0
    ctx, z, h = {}, {}, {}
    for i in range(E):
        for b in range(B):
            l, a, g, aux = O.train_step(img[b:b + 1], e, ef, p, pf, t, c, [enc[b][i][None]], [m[None] for m in pred[b]], kind)
            loss += l / (B * E); ge = {k: ge[k] + a[k] / (B * E) for k in e}; gp = {k: gp[k] + g[k] / (B * E) for k in p}
            ctx[i, b] = aux["context"][0]
            for j in range(n): z[j, i, b], h[j, i, b] = aux["prediction"][j], aux["target"][j]
    cat = lambda q: torch.cat([q[k] for k in sorted(q)])
    return loss, ge, gp, {"context": cat(ctx), "prediction": cat(z), "target": cat(h)}


def predictor_update(p, gp, state, s, h, pixels, eps):
    """AdamW; a head whose term takes no part stays, and its steps count from the first in which it does."""
    late = lambda k: k.startswith("predictor_proj.") and pixels["steps"]
    idle = lambda k: s <= pixels["steps"] if late(k) else k.startswith("predictor_pixels.") and s > pixels["steps"] and not pixels["weight"]
    for chosen, step in ((lambda k: not late(k), s), (late, s - pixels["steps"])):
        part = {k: w for k, w in p.items() if chosen(k) and not idle(k)}
        O.adamw(part, gp, state, step, h["lr"], h["wd"], eps=eps)
        p.update(part)


def make(name, c, seed, out):
    g = torch.Generator().manual_seed(seed)
    e, ef, p, pf = O.init(c, seed, 0.02)
    t = {k: v + 0.01 * torch.randn(v.shape, generator=g, dtype=torch.float64) for k, v in e.items()}
    for q in (e, p, t):
        for k in q:
            q[k] = q[k].float().double()
    u8 = torch.randint(0, 256, (c["B"], c["crop"], c["crop"], 3), generator=g, dtype=torch.uint8)
    if c.get("scatter"):
        me, mp = O.sample_scattered_masks(c, c["B"], g, **c.pop("scatter"), npred=c["npred"])
    else:
        sample = O.sample_masks if not c.get("ragged") else O.sample_ragged_masks
        me, mp = sample(c, c["B"], g, npred=c["npred"], nenc=c["nenc"], min_keep=1)
    img, T, meta = O.normalise(u8), {}, {}
    T["image"] = u8.numpy()
    if c.get("ragged"):  # me[b][i], mp[b][j]
        longest = max(len(m) for row in me for m in row)
        pad = lambda m: torch.cat([m, torch.full((longest - len(m),), -1)])
        for i in range(c["nenc"]): T[f"mask.context.{i}"] = torch.stack([pad(row[i]) for row in me]).int().numpy()
        for j in range(c["npred"]): T[f"mask.target.{j}"] = torch.stack([row[j] for row in mp]).int().numpy()
    else:
        for i, m in enumerate(me): T[f"mask.context.{i}"] = m.int().numpy()
        for i, m in enumerate(mp): T[f"mask.target.{i}"] = m.int().numpy()
    put = lambda pre, q: T.update({f"{pre}.{k}": v.float().numpy() for k, v in q.items()})
    put("encoder", e); put("predictor", p); put("target_encoder", t)
    put("fixed", {"pos_embed": ef["pos_embed"], "predictor_pos_embed": pf["predictor_pos_embed"]})
    state_e, state_p, pixels, eps = {}, {}, c.pop("pixels", {"steps": 0, "weight": 0}), c.pop("eps", EPS)
    for s, h in enumerate(STEPS, 1):
        if c.get("ragged"):
            loss, ge, gp, aux = ragged_step(img, e, ef, p, pf, t, c, me, mp, c["loss"])
        else:
            only = s <= pixels["steps"]
            w = dict(features=0, pixels=1) if only else dict(features=1, pixels=pixels["weight"])
            loss, ge, gp, aux = O.train_step(img, e, ef, p, pf, t, c, me, mp, c["loss"], step=s - 1, **w)
            h = {**h, "ema": 0} if only else h
        if s == 1:
            put("out", aux); put("grad.encoder", ge); put("grad.predictor", gp)
        meta[f"step.{s}.loss"] = repr(loss.item())
        if c.get("clip_grad"):
            norm, (ge, gp) = O.clip([ge, gp], c["clip_grad"]); meta[f"step.{s}.norm"] = norm
        O.adamw(e, ge, state_e, s, h["lr"], h["wd"], eps=eps); predictor_update(p, gp, state_p, s, h, pixels, eps)
        for k in t:
            t[k] = t[k] * h["ema"] + (1 - h["ema"]) * e[k]
        for k, v in h.items(): meta[f"step.{s}.{k}"] = v
    put("after.encoder", e); put("after.predictor", p); put("after.target_encoder", t)
    meta.update({f"model.{k}": v for k, v in {"ragged": 0, **c}.items()})
    if pixels["steps"] or pixels["weight"]: meta.update({"pixel_steps": pixels["steps"], "pixel_weight": pixels["weight"]})
    meta.update({"adam.beta1": 0.9, "adam.beta2": 0.999, "adam.eps": eps, "steps": len(STEPS), "format": "ijepa-golden-1",
                 "layer_norm.eps": 1e-6, "target_norm.eps": 1e-5})
    save(f"{out}/{name}.safetensors", T, meta)
    print(name, "loss", [meta[f"step.{s}.loss"] for s in (1, 2, 3)], "norm", [meta.get(f"step.{s}.norm") for s in (1, 2, 3)], "context", [len(r[0]) for r in me] if c.get("ragged") else me[0].shape[1], "target", len(mp[0][0]))


if __name__ == "__main__":
    off = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for i, (n, c) in enumerate(CASES.items()):
        c = dict(c)
        make(n, c, c.pop("seed", 100 + i) + off, sys.argv[1])
