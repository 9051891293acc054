"""Golden data for the image pipeline and the schedules: python3 tests/oracle/make_data_golden.py IMAGE_DIR OUT_DIR.
Crops are cut and resized by Pillow (bilinear with antialiasing), as torchvision's RandomResizedCrop does."""
import csv, math, os, shutil, sys
import numpy as np
from PIL import Image
src, out = sys.argv[1:3]
os.makedirs(out + "/crops", exist_ok=True)
rng = np.random.default_rng(7)
files = sorted(f for f in os.listdir(src) if f.endswith(".JPEG"))
modes = {}
for f in files:
    with Image.open(f"{src}/{f}") as im:
        modes.setdefault(im.mode, []).append((os.path.getsize(f"{src}/{f}"), f))
print({m: len(v) for m, v in modes.items()})
pick = [sorted(modes["RGB"])[i][1] for i in (20, 120, 300, 420)] + [v[1] for m in modes if m != "RGB" for v in sorted(modes[m])[:1]]
rows = []
for f in pick:
    im = Image.open(f"{src}/{f}"); mode = im.mode; im = im.convert("RGB")
    shutil.copy(f"{src}/{f}", f"{out}/crops/{f}")
    for k, S in enumerate((224, 96, 32)):
        area = im.width * im.height * rng.uniform(0.3, 1.0); ar = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        w = min(im.width, round(math.sqrt(area * ar))); h = min(im.height, round(math.sqrt(area / ar)))
        x = int(rng.integers(0, im.width - w + 1)); y = int(rng.integers(0, im.height - h + 1))
        a = np.asarray(im.crop((x, y, x + w, y + h)).resize((S, S), Image.BILINEAR))
        name = f"{os.path.splitext(f)[0]}.{S}.rgb"
        a.tofile(f"{out}/crops/{name}")
        rows.append([f, mode, im.width, im.height, x, y, w, h, S, name])
with open(out + "/crops/crops.csv", "w", newline="") as f:
    w = csv.writer(f); w.writerow("file mode width height x y crop_w crop_h out_size expected_rgb".split()); w.writerows(rows)


def schedule(path, epochs, ipe, warm, start, ref, final, wd0, wd1, m0, m1, scale):
    T = int(scale * epochs * ipe); W = int(warm * ipe)
    with open(path, "w", newline="") as f:
        w = csv.writer(f); w.writerow(["step", "lr", "weight_decay", "ema"])
        for i in range(epochs * ipe):
            s = i + 1
            if s < W: lr = start + s / max(1, W) * (ref - start)
            else: lr = max(final, final + (ref - final) * 0.5 * (1 + math.cos(math.pi * (s - W) / max(1, T - W))))
            wd = wd1 + (wd0 - wd1) * 0.5 * (1 + math.cos(math.pi * s / T)); wd = max(wd1, wd) if wd1 <= wd0 else min(wd1, wd)
            w.writerow([i, repr(lr), repr(wd), repr(m0 + i * (m1 - m0) / (ipe * epochs * scale))])


schedule(out + "/schedule-short.csv", 5, 40, 1, 2e-4, 1e-3, 1e-6, 0.04, 0.4, 0.996, 1.0, 1.0)
schedule(out + "/schedule-scaled.csv", 4, 50, 1, 1e-4, 5e-4, 1e-6, 0.05, 0.05, 0.99, 1.0, 1.25)
