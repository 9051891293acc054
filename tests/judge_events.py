#!/usr/bin/env python3
"""Judges event files with TensorBoard's own reader.

judge_events.py FOLDER STEPS CSV EVERY: every scalar is there once a step, in order, and is what the log says; masks and
features are PNGs of the size that is told, the features one at the end of every so many epochs. Exit status 77 and a line SKIPPED: ... where there is no TensorBoard.
"""

import csv
import struct
import sys

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    print("SKIPPED: python3 has no tensorboard (IJEPA_PYTHON names another one)")
    sys.exit(77)


def fail(message):
    print(f"FAILED: {message}")
    sys.exit(1)


folder, steps, log, every = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
reader = EventAccumulator(folder, size_guidance={"scalars": 0, "images": 0}, purge_orphaned_data=True)
reader.Reload()

with open(log, newline="") as file:
    rows = list(csv.DictReader(file))
if len(rows) != steps:
    fail(f"the log has {len(rows)} steps, expected {steps}")

columns = {
    "loss": "loss",
    "target_std": "target_std",
    "schedule/lr": "lr",
    "schedule/wd": "wd",
    "schedule/ema": "ema",
    "masks/context_length": "mask-A",
    "masks/target_length": "mask-B",
}
tags = reader.Tags()
for tag, column in columns.items():
    if tag not in tags["scalars"]:
        fail(f"no scalar {tag} in {tags['scalars']}")
    events = reader.Scalars(tag)
    if [event.step for event in events] != list(range(steps)):
        fail(f"{tag}: steps are {[event.step for event in events]}")
    for event, row in zip(events, rows):
        expected = float(row[column])
        if abs(event.value - expected) > 1e-6 * max(abs(expected), 1e-12):
            fail(f"{tag} at step {event.step}: {event.value}, the log has {expected}")

def pictures(tag):
    if tag not in tags["images"]:
        fail(f"no picture of the {tag} in {tags['images']}")
    for picture in reader.Images(tag):
        data = picture.encoded_image_string
        if data[:8] != b"\x89PNG\r\n\x1a\n":
            fail(f"the {tag} are no PNG")
        if struct.unpack(">II", data[16:24]) != (picture.width, picture.height):
            fail(f"the size of the {tag} is not the PNG's")
    return reader.Images(tag)


masks, features = pictures("masks"), pictures("features")
epoch = sum(row["epoch"] == "1" for row in rows)
ends = list(range(every * epoch - 1, steps, every * epoch))
if [picture.step for picture in features] != ends:
    fail(f"features are drawn at steps {[picture.step for picture in features]}, not at {ends}")
if len({picture.encoded_image_string for picture in features}) != len(ends):
    fail("features are the same at different steps")
print(f"{len(columns)} scalars of {steps} steps, masks of {masks[-1].width} x {masks[-1].height} pixels and features at "
      f"{len(ends)} epochs' ends agree")
