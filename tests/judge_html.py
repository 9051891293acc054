#!/usr/bin/env python3
"""Judges a report: judge_html.py FILE [TEXT...].

Every element is closed in its turn, nothing refers to anything outside the page, every picture is a whole PNG, no number
is NaN; and every TEXT is there. Prints what is wrong; exit status 1 where anything is.
"""

import base64
import html.parser
import re
import sys
import zlib

EMPTY = {"meta", "img", "br", "line", "path", "circle"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.faults, self.text, self.pictures, self.charts = [], [], [], 0, 0

    def handle_starttag(self, tag, attributes):
        self.look(tag, dict(attributes))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.look(tag, dict(attributes))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at line {self.getpos()[0]} closes nothing")

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)
        elif re.search(r"url\(|@import", data):
            self.faults.append("the style refers to something outside")

    def look(self, tag, attributes):
        if tag in ("script", "link", "iframe", "object", "embed", "base"):
            self.faults.append(f"<{tag}>")
        self.charts += tag == "svg"
        for name, value in attributes.items():
            value = value or ""
            if name in ("src", "href", "data", "poster", "srcset") and not value.startswith("data:image/png;base64,"):
                self.faults.append(f"{name}={value[:60]}")
            if name in ("d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy") and re.search(r"nan|inf", value):
                self.faults.append(f"{tag} {name}={value[:60]}")
        if tag == "img":
            self.pictures += 1
            if not attributes.get("alt"):
                self.faults.append("a picture without a description")
            self.look_at_png(base64.b64decode(attributes.get("src", "").partition(",")[2], validate=True), attributes)

    def look_at_png(self, png, attributes):
        width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
        if png[:8] != b"\x89PNG\r\n\x1a\n" or [str(width), str(height)] != [attributes["width"], attributes["height"]]:
            self.faults.append("a picture that is no PNG, or of another size")
        at, data = 8, b""
        while at < len(png):
            length, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
            if kind == b"IDAT":
                data += png[at + 8 : at + 8 + length]
            at += 12 + length
        if len(zlib.decompress(data)) != height * (1 + 3 * width):
            self.faults.append("a picture that is cut short")


with open(sys.argv[1], encoding="utf-8") as file:
    source = file.read()
page = Page()
page.feed(source)
page.close()
if page.open:
    page.faults.append(f"not closed: {page.open}")
if re.search(r"https?://", source):
    page.faults.append("an address")
text = " ".join(" ".join(page.text).split())
for wanted in sys.argv[2:]:
    if wanted not in text:
        page.faults.append(f'"{wanted}" is not there')
for fault in page.faults[:20]:
    print(fault)
print(f"{page.pictures} pictures, {page.charts} charts")
sys.exit(bool(page.faults))
