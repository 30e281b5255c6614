"""A strict reader of pages: balanced tags, no loads, no script, ids that are there once."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = frozenset({"meta", "br", "hr", "link"})
LOADING = frozenset(
    {"src", "srcset", "href", "xlink:href", "data", "action", "poster", "background"}
)


class Page(HTMLParser):
    """Reads a page; `problems` lists what is wrong with it."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.policy = ""
        self.words: list[str] = []
        self.style = ""
        self.feed(source)
        self.close()
        self.problems += [f"{name} is never closed" for name in self.open]
        self.problems += [f"id {one!r} twice" for one in set(self.ids) if self.ids.count(one) > 1]
        missing = [link for link in self.links if link[1:] not in self.ids]
        self.problems += [f"no target for {link}" for link in missing]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in {"script", "iframe", "object", "embed", "img", "link", "base", "form"}:
            self.problems.append(f"<{tag}>")
        for name, value in attrs:
            self._attribute(tag, name, value or "")
        if tag not in VOID:
            self.open.append(tag)
        values = dict(attrs)
        if tag == "meta" and values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"] or ""

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on") or name == "style":
            self.problems.append(f"attribute {name} in <{tag}>")
        if name == "id":
            self.ids.append(value)
        if name in LOADING:
            self.links.append(value)
            if not value.startswith("#"):
                self.problems.append(f"{name}={value!r} loads")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
            if re.search(r"url\(|@import|https?:", data):
                self.problems.append("the style sheet loads something")
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words of the page, spaces as one."""
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())
