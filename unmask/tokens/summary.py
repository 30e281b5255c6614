"""What happened while a tokenizer was trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """How a tokenizer was trained, and from how much of the text.

    Attributes:
        kind: "wordpiece" or "bpe".
        asked_vocab_size: the vocabulary size that was asked for.
        vocab_size: the size that came out; smaller where the text has no more to give.
        documents: texts that were offered.
        text_bytes: their size in UTF-8.
        used_bytes: how much of it the vocabulary was learnt from.
        one_in: 1 if all text was used; k if it is a sample of one block in k, spread evenly.
        overlong_words: unbroken runs of more than `LONGEST_WORD` letters that were left out.
        left_out_characters: distinct characters too rare for the vocabulary (always 0 in "bpe");
            in text they become the unknown token.
    """

    kind: str
    asked_vocab_size: int
    vocab_size: int
    documents: int
    text_bytes: int
    used_bytes: int
    one_in: int
    overlong_words: int
    left_out_characters: int

    def notes(self) -> tuple[str, ...]:
        """What a user should be told, in sentences; empty where nothing was out of the ordinary."""
        notes = []
        if self.vocab_size < self.asked_vocab_size:
            notes.append(
                f"The vocabulary has {self.vocab_size} tokens, not {self.asked_vocab_size}: the "
                "text is too small or too uniform for more."
            )
        if self.one_in > 1:
            notes.append(
                f"The vocabulary was learnt from {self.used_bytes / 1e6:.1f} of "
                f"{self.text_bytes / 1e6:.1f} MB, one block of text in {self.one_in}, to keep the "
                "memory constant; max_bytes and max_word_bytes set the bounds."
            )
        if self.overlong_words:
            notes.append(
                f"{self.overlong_words} unbroken runs of more than {LONGEST_WORD} letters were "
                "left out, since they are data rather than words."
            )
        if self.left_out_characters:
            notes.append(
                f"{self.left_out_characters} rare characters are not in the vocabulary and become "
                "the unknown token; a byte-level tokenizer (kind bpe) has none."
            )
        return tuple(notes)


LONGEST_WORD = 100
"""Characters. Longer runs are base64, hashes and the like; WordPiece makes them unknown anyway."""
