"""From marked-up documentation to plain sentences: inline markup off, what is not prose out.

`plain` takes the markup of reStructuredText, Markdown and epytext off one paragraph and leaves its
words. `prose` then keeps the sentences that read as language: those with a web address, TeX or
template placeholders fall away, and so does a paragraph that is mostly code, names or figures.
The limits below were set by reading several hundred paragraphs on either side of each.
"""

from __future__ import annotations

import re

MIN_WORDS = 5
"""A paragraph shorter than this is a title or a name."""
MIN_LETTERS = 0.88
"""Least share of letters and spaces among a paragraph's characters."""
MAX_CODE = 0.25
"""Greatest share of words that are identifiers, calls, paths or figures."""

_ROLE = re.compile(r":(?:[A-Za-z][\w.+-]*:)+`([^`]*)`|\bL\{([^{}]*)\}|\bC\{([^{}]*)\}")
_LINK_TARGET = re.compile(r"^(.*?)\s*<[^<>]*>$", re.S)
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()\s]*\))*\)")
_BACKTICKS = re.compile(r"\[?(`{1,3})(.+?)\1(?!`)(?:__?(?!\w))?\]?", re.S)
_STRONG = re.compile(r"(?<![\w*])\*\*(?=\S)([^*]+?)(?<=\S)\*\*(?![\w*])")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])")
_FOOTNOTE = re.compile(r"\s*\[(?:#?\w+|\d+(?:,\s*\d+)*)\]_|\s*\[\d+(?:\s*[,-]\s*\d+)*\](?!\w)")
_NAMED_LINK = re.compile(r"\b([A-Za-z][A-Za-z0-9]*)_(?=[\s,.;:)]|$)")
_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>")
_SPACE_BEFORE = re.compile(r"\s+([,.;:!?)])(?=\s|$)")
_EMPTY_BRACKETS = re.compile(r"\s*\(\s*\)(?=[\s.,;:]|$)")

_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<!vs\.)\s+(?=[\"'(]?[A-Z0-9])"
)
_NOT_PROSE = re.compile(
    r"://|www\.|\S@\S+\.\w|[\\|`$^~]|%\(|%[sdrf]\b|\{\w*\}|\{\{|>>>|<<|==|->|=>|\+\+|&&|:\w+:"
    r"|(?<!\.)\.\.(?!\.)|--\w|\w=\S|[‐-―]{3,}|-{3,}|_{3,}|\*\*|\[autodoc"
)
_SUSPICIOUS = re.compile(r"[\\|`$^~%{<>=+&:@*\[_‐-―-]|\.\.|www")
"""What every alternative of `_NOT_PROSE` needs; quick to search for."""
_OUTDATED = re.compile(
    r"^(?:\(?deprecated\b|(?:new|changed|added|removed) in (?:version\b|v?\d)|copyright\b|\(c\)"
    r"|licen[cs]ed? under|licen[cs]e\b|author|usage:|todo\b|fixme\b|xxx\b|version\b|date:|see also"
    r"|created on\b|all rights reserved|doctest|>)",
    re.I,
)
_ENDS = re.compile(r"[.!?][\"')\]”’]*$")
_STARTS = re.compile(r"[\"'(“‘]?[A-Z]")
_CALLS_FOR_MORE = re.compile(
    r"(?:^|[.!?:;]\s|\b(?:in|see|by|of|from|also|and|to|per|with|on|e\.g\.|cf\.?|is|are|or))\W*$",
    re.I,
)
_CODE_WORD = re.compile(
    r"\w_\w|^_|_$|[(\[]\w*[)\]]$|\w[(\[]|[=<>{}*/+#@&]|\w\.\w|\d|[a-z][A-Z]|^\W+$|^-"
)


def _footnote(match: re.Match[str]) -> str:
    """Nothing, where a sentence is whole without its citation; else a mark that condemns it."""
    start = match.start()
    needed = _CALLS_FOR_MORE.search(match.string, max(0, start - 12), start)
    return "|" if needed else ""


def _role_text(match: re.Match[str]) -> str:
    text = next(group for group in match.groups() if group is not None)
    return _name(text)


def _name(text: str) -> str:
    """What a reader sees of an interpreted text: its title, or the end of a `~dotted.name`."""
    text = text.strip()
    if found := _LINK_TARGET.match(text):
        text = found.group(1).strip() or text.strip("<>")
    if text.startswith("~"):
        text = text.rpartition(".")[2].lstrip("~")
    return text.lstrip("!")


def plain(text: str) -> str:
    """A paragraph without inline markup: roles, literals, links, emphasis, footnotes, tags."""
    if "`" in text or "{" in text:
        text = _ROLE.sub(_role_text, text)
        text = _BACKTICKS.sub(lambda match: _name(match.group(2)), text)
    if "[" in text:
        text = _MARKDOWN_LINK.sub(r"\1", text)
        text = _FOOTNOTE.sub(_footnote, text)
    if "*" in text:
        text = _STRONG.sub(r"\1", text)
        text = _EMPHASIS.sub(r"\1", text)
    if "_" in text:
        text = _NAMED_LINK.sub(r"\1", text)
    if "<" in text:
        text = _TAG.sub("", text)
    text = " ".join(text.split())
    return _SPACE_BEFORE.sub(r"\1", _EMPTY_BRACKETS.sub("", text))


def prose(paragraph: str) -> str:
    """The sentences of a paragraph that read as language, or "" if too little is left.

    Args:
        paragraph: marked-up text without line structure.
    """
    if paragraph.count(" ") < MIN_WORDS - 1:
        return ""
    text = plain(paragraph)
    sentences = _SENTENCE_END.split(text)
    if _SUSPICIOUS.search(text):
        sentences = [s for s in sentences if not _NOT_PROSE.search(s)]
    while sentences and not _ENDS.search(sentences[-1]):
        sentences.pop()  # an unfinished sentence at the end led to something that fell away
    text = " ".join(sentences)
    return text if _reads_as_language(text) else ""


def _reads_as_language(text: str) -> bool:
    words = text.split()
    if len(words) < MIN_WORDS or not _STARTS.match(text) or _OUTDATED.match(text):
        return False
    letters = sum(map(str.isalpha, text)) + len(words) - 1
    code = sum(_CODE_WORD.search(word) is not None for word in words)
    return letters >= MIN_LETTERS * len(text) and code <= MAX_CODE * len(words)
