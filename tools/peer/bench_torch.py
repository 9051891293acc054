"""Times one I-JEPA training step in PyTorch, the peer that the project is measured against.

    python3 tools/peer/bench_torch.py --crop 32 --patch 4 --dim 192 --depth 6 --heads 3 --pdim 96 --pdepth 3 --batch 128 --steps 10

A step is target forward, context forward, predictor, loss, backward, AdamW and EMA; masks are sampled outside the timed
part. Prints one line: the median over the steps after two warm-up steps. --best is what a user in search of speed would
write: scaled_dot_product_attention, fused AdamW, one lerp over all tensors, torch.compile (which needs a C++ compiler and
Python's headers); --bf16 autocasts as the official experiments do. The peer to beat is the faster of plain and --best,
with the newest PyTorch (PyPI's torch): tools/race runs both."""
import argparse
import os
import sys
import time

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/oracle"))
import ijepa_torch as O


def sdpa_block(x, p, pre, heads):
    """O.block with the library's fused attention."""
    B, N, D = x.shape
    ln = lambda t, n: F.layer_norm(t, (D,), p[pre + n + ".weight"], p[pre + n + ".bias"], 1e-6)
    lin = lambda t, n: F.linear(t, p[pre + n + ".weight"], p[pre + n + ".bias"])
    q, k, v = lin(ln(x, "norm1"), "attn.qkv").view(B, N, 3, heads, D // heads).permute(2, 0, 3, 1, 4)
    x = x + lin(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, N, D), "attn.proj")
    return x + lin(F.gelu(lin(ln(x, "norm2"), "mlp.fc1")), "mlp.fc2")


def main():
    a = argparse.ArgumentParser()
    for k, v in dict(crop=32, patch=4, dim=192, depth=6, heads=3, mlp=4.0, pdim=96, pdepth=3, batch=128, steps=10,
                     threads=0).items():
        a.add_argument("--" + k, type=type(v), default=v)
    a.add_argument("--best", action="store_true")
    a.add_argument("--bf16", action="store_true")
    a = a.parse_args()
    torch.set_num_threads(a.threads or len(os.sched_getaffinity(0)))

    c = dict(crop=a.crop, patch=a.patch, dim=a.dim, depth=a.depth, heads=a.heads, mlp=a.mlp, pdim=a.pdim, pdepth=a.pdepth)
    f32 = lambda q: {k: v.float() for k, v in q.items()}
    encoder, e_fixed, predictor, p_fixed = map(f32, O.init(c, 0))
    target = {k: v.clone() for k, v in encoder.items()}
    leaves = [v.requires_grad_(True) for q in (encoder, predictor) for v in q.values()]
    opt = torch.optim.AdamW(leaves, lr=1e-3, weight_decay=0.04, **(dict(fused=True) if a.best else {}))

    def loss_of(img, m_enc, m_pred):
        h = O.targets(img, target, e_fixed, c, m_enc, m_pred)
        tokens = O.predict_tokens(O.encode(img, encoder, e_fixed, c, m_enc), predictor, p_fixed, c, m_enc, m_pred)
        z = O.head(tokens, predictor, "predictor_proj")
        return O.loss_fn(z, h, "l2")

    def ema():
        if a.best:
            return torch._foreach_lerp_(list(target.values()), [encoder[k] for k in target], 0.004)
        for k in target:
            target[k].mul_(0.996).add_(encoder[k], alpha=0.004)

    if a.best:
        O.block = sdpa_block
        loss_of = torch.compile(loss_of, dynamic=True)
    g = torch.Generator().manual_seed(0)
    img = torch.randn(a.batch, 3, a.crop, a.crop, generator=g)
    times = []
    for _ in range(a.steps + 2):
        m_enc, m_pred = O.sample_masks(c, a.batch, g, min_keep=4)
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
            loss = loss_of(img, m_enc, m_pred)
        opt.zero_grad()
        loss.backward()
        opt.step()
        with torch.no_grad():
            ema()
        times.append(time.perf_counter() - start)
    times = sorted(times[2:])
    median = times[len(times) // 2]
    print(f"torch {torch.__version__} threads {torch.get_num_threads()} context {m_enc[0].shape[1]} target {m_pred[0].shape[1]} "
          f"step_ms {median * 1e3:.1f} images_per_second {a.batch / median:.1f} loss {loss.item():.4f}")


if __name__ == "__main__":
    main()
