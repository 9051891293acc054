"""Times features of images by transformers' IJepaModel, the peer that `bench embed` is measured against.

    python3 tools/peer/embed_torch.py --make vit_base16 MODEL         writes a model of random weights, a folder
    python3 tools/peer/embed_torch.py MODEL --batch 16 --steps 5      prints one line: the median over the steps

As a user in search of speed would write it: the newest PyTorch, the default attention (scaled_dot_product_attention),
torch.inference_mode, as many threads as processors. Timed are the model and the means over the patches; the pixels are
normalised before. They are those of bench embed, so that feature_norm must be the same."""
import argparse
import os
import time

import torch
import transformers

MODELS = {
    "vit_tiny16": dict(hidden_size=192, num_hidden_layers=2, num_attention_heads=3, intermediate_size=768, patch_size=16),
    "vit_base16": dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, patch_size=16),
    "vit_huge14": dict(hidden_size=1280, num_hidden_layers=32, num_attention_heads=16, intermediate_size=5120, patch_size=14),
}


def main():
    a = argparse.ArgumentParser()
    a.add_argument("model")
    a.add_argument("--make", choices=MODELS)
    a.add_argument("--batch", type=int, default=16)
    a.add_argument("--steps", type=int, default=5)
    a = a.parse_args()
    if a.make:
        torch.manual_seed(0)
        config = transformers.IJepaConfig(image_size=224, layer_norm_eps=1e-6, **MODELS[a.make])
        transformers.IJepaModel(config, add_pooling_layer=False).save_pretrained(a.model)
        return
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    model = transformers.IJepaModel.from_pretrained(a.model, add_pooling_layer=False, dtype=torch.float32).eval()
    side = model.config.image_size
    pixels = (torch.arange(a.batch * side * side * 3) * 97 % 251).reshape(a.batch, side, side, 3).permute(0, 3, 1, 2)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    images = ((pixels / 255 - mean) / std).contiguous()
    times = []
    with torch.inference_mode():
        for _ in range(a.steps + 2):
            start = time.perf_counter()
            features = model(pixel_values=images).last_hidden_state.mean(1)
            times.append(time.perf_counter() - start)
    times = sorted(times[2:])
    median = times[len(times) // 2]
    print(f"torch {torch.__version__} transformers {transformers.__version__} attention {model.config._attn_implementation} "
          f"threads {torch.get_num_threads()} images_per_second {a.batch / median:.3f} "
          f"feature_norm {features[0].norm().item():.6g} step_ms {median * 1e3:.3f}")


if __name__ == "__main__":
    main()
