"""Opening and saving: files, roles that files declare, and files that are broken."""

from __future__ import annotations

import copy
import json
import random
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import TokenizerError
from unmask.tokens import Tokenizer
from unmask.tokens.backend import guarded

Spec = Callable[[str], dict[str, Any]]


def folder_of(tmp_path: Path, spec: dict[str, Any], **files: Any) -> Path:
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec), encoding="utf-8")
    for name, content in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path


def renamed(spec: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The same tokenizer with other names for its special tokens."""
    text = json.dumps(spec)
    for old, new in names.items():
        text = text.replace(json.dumps(old), json.dumps(new))
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def test_round_trip(opened: Tokenizer, texts: list[str], tmp_path: Path) -> None:
    opened.save_pretrained(tmp_path / "new" / "folder")
    again = Tokenizer.from_pretrained(tmp_path / "new" / "folder", require=())
    assert again == opened
    assert again.digest == opened.digest
    assert again.special_ids == opened.special_ids
    assert again.layout == opened.layout
    assert again.encode_batch(texts) == opened.encode_batch(texts)
    assert sorted(file.name for file in (tmp_path / "new" / "folder").iterdir()) == [
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    from_file = Tokenizer.from_file(tmp_path / "new" / "folder" / "tokenizer.json", require=())
    assert from_file.digest == opened.digest


def test_the_digest_is_of_the_content_and_not_of_its_layout(spec: Spec, tmp_path: Path) -> None:
    content = spec("wordpiece")
    shuffled = dict(reversed(content.items()))
    (tmp_path / "a.json").write_text(json.dumps(shuffled, indent=7), encoding="utf-8")
    assert Tokenizer.from_file(tmp_path / "a.json").digest == Tokenizer.from_spec(content).digest
    content["model"]["vocab"]["##zzz"] = content["model"]["vocab"].pop("##" + "s")
    assert Tokenizer.from_spec(content).digest != Tokenizer.from_file(tmp_path / "a.json").digest


def test_a_trained_tokenizers_digest_survives_floats(spec: Spec, tmp_path: Path) -> None:
    """The library changes the last digit of a score each time it reads and writes it."""
    tokenizer = Tokenizer.from_spec(spec("metaspace"))
    for name in ("a", "b", "c"):
        tokenizer.save_pretrained(tmp_path / name)
        tokenizer = Tokenizer.from_pretrained(tmp_path / name)
    assert tokenizer.digest == Tokenizer.from_spec(spec("metaspace")).digest


TRUNCATION = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
PADDING = {
    "strategy": {"Fixed": 16},
    "direction": "Right",
    "pad_to_multiple_of": None,
    "pad_id": 0,
    "pad_type_id": 0,
    "pad_token": "[PAD]",
}


def test_truncation_and_padding_of_a_file_are_switched_off(spec: Spec, tmp_path: Path) -> None:
    cutting = {**spec("wordpiece"), "truncation": TRUNCATION, "padding": PADDING}
    (tmp_path / "tokenizer.json").write_text(json.dumps(cutting), encoding="utf-8")
    tokenizer = Tokenizer.from_pretrained(tmp_path)
    plain = Tokenizer.from_spec(spec("wordpiece"))
    text = "The quick brown fox jumps over the lazy dog."
    assert tokenizer.encode(text) == plain.encode(text)
    assert len(tokenizer.encode(text)) > 4
    assert next(tokenizer.ids_stream([text])) == list(plain.encode(text).ids)
    assert tokenizer.digest == plain.digest
    tokenizer.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert (saved["truncation"], saved["padding"]) == (None, None)


def test_dropout_of_a_file_is_switched_off(spec: Spec) -> None:
    chancy = spec("template")
    chancy["model"]["dropout"] = 0.9
    tokenizer, plain = Tokenizer.from_spec(chancy), Tokenizer.from_spec(spec("template"))
    text = "uncharacteristically untranslatable " * 20
    assert tokenizer.encode(text).ids == plain.encode(text).ids


def test_roles_come_from_the_configuration_first(spec: Spec, tmp_path: Path) -> None:
    odd = renamed(spec("template"), {"[MASK]": "<blank>", "[PAD]": "<fill>", "[UNK]": "<what>"})
    files = {
        "tokenizer_config": {"mask_token": "<blank>", "pad_token": {"content": "<fill>"}},
        "special_tokens_map": {"pad_token": "[CLS]", "unk_token": {"content": "<what>"}},
    }
    tokenizer = Tokenizer.from_pretrained(folder_of(tmp_path, odd, **files))
    names = ["[CLS]", "[SEP]", "<blank>", "<fill>", "<what>"]
    roles = tokenizer.roles
    assert (
        tokenizer.tokens(
            [i for i in (roles.cls, roles.sep, roles.mask, roles.pad, roles.unk) if i is not None]
        )
        == names
    )
    tokenizer.save_pretrained(tmp_path / "saved")
    assert Tokenizer.from_pretrained(tmp_path / "saved").roles == roles


def test_missing_roles_are_all_named(spec: Spec, tmp_path: Path) -> None:
    odd = renamed(spec("template"), {"[MASK]": "<blank>", "[PAD]": "<fill>"})
    with pytest.raises(TokenizerError) as caught:
        Tokenizer.from_pretrained(folder_of(tmp_path, odd))
    for part in ("mask (such as [MASK])", "pad (such as [PAD])", "mask_token, pad_token"):
        assert part in str(caught.value)
    assert "cls" not in str(caught.value)
    decoder = Tokenizer.from_pretrained(tmp_path, require=())
    with pytest.raises(TokenizerError, match="no mask token"):
        _ = decoder.mask_id
    assert decoder.cls_id == 0


def test_a_byte_level_tokenizer_may_have_no_unknown_token(spec: Spec) -> None:
    without = renamed(spec("template"), {"[UNK]": "xyzxyz"})
    without["added_tokens"] = [
        entry for entry in without["added_tokens"] if entry["content"] != "xyzxyz"
    ]
    tokenizer = Tokenizer.from_spec(without, require=("cls", "sep", "mask", "pad"))
    assert tokenizer.unk_id is None
    assert None not in tokenizer.encode("☃ 鬱").words


def test_a_declared_token_that_is_not_there_is_an_error(spec: Spec, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, spec("template"), tokenizer_config={"mask_token": "<blank>"})
    with pytest.raises(TokenizerError, match=r"mask_token '<blank>'.*no such token.*Add it"):
        Tokenizer.from_pretrained(folder)


def test_a_token_with_a_role_is_special_even_if_the_file_forgot(spec: Spec) -> None:
    forgetful = spec("template")
    forgetful["added_tokens"] = [e for e in forgetful["added_tokens"] if e["content"] != "[PAD]"]
    for entry in forgetful["added_tokens"]:
        entry["special"] = entry["content"] != "[MASK]"
    tokenizer = Tokenizer.from_spec(forgetful)
    assert {tokenizer.mask_id, tokenizer.pad_id} <= tokenizer.special_ids
    assert tokenizer.special_ids.isdisjoint(tokenizer.encode("a [MASK] [PAD]").ids)


def test_added_words_keep_their_ids(spec: Spec) -> None:
    """Words added for a domain stand after the special tokens, by order and not by name."""
    extended = spec("template")
    size = len(extended["model"]["vocab"])
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    for number, (token, special) in enumerate([("[NEW]", True), ("carcinoma", False)]):
        entry = {"id": size + number, "content": token, "special": special, **flags}
        extended["added_tokens"].append(entry)
    tokenizer = Tokenizer.from_spec(extended)
    assert tokenizer.vocab_size == size + 2
    assert size in tokenizer.special_ids
    encoded = tokenizer.encode("a carcinoma [NEW]")
    assert encoded.ids.count(size + 1) == 1
    assert size not in encoded.ids
    place = encoded.ids.index(size + 1)
    assert encoded.words[place] == 1
    assert encoded.offsets[place] == (2, 11)


def test_settings_are_kept_and_can_be_set(spec: Spec, tmp_path: Path) -> None:
    config = {
        "model_max_length": 512,
        "model_input_names": ["input_ids", "attention_mask"],
        "bos_token": "[CLS]",
        "add_bos_token": True,
        "tokenizer_class": "Special",
        "auto_map": {"AutoTokenizer": ["evil.Code", None]},
    }
    tokenizer = Tokenizer.from_pretrained(
        folder_of(tmp_path, spec("wordpiece"), tokenizer_config=config)
    )
    assert tokenizer.settings.model_max_length == 512

    def saved(**arguments: Any) -> dict[str, Any]:
        tokenizer.save_pretrained(tmp_path / "saved", **arguments)
        text = (tmp_path / "saved" / "tokenizer_config.json").read_text(encoding="utf-8")
        result: dict[str, Any] = json.loads(text)
        return result

    first = saved()
    assert first["model_max_length"] == 512
    assert first["model_input_names"] == ["input_ids", "attention_mask"]
    assert first["bos_token"] == "[CLS]"
    assert first["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert {"auto_map", "add_bos_token"}.isdisjoint(first)
    second = saved(model_max_length=128, segments=True)
    assert second["model_max_length"] == 128
    assert "token_type_ids" in second["model_input_names"]
    with pytest.raises(TokenizerError, match="positive, not 0"):
        saved(model_max_length=0)


def test_segments_follow_the_kind_where_nothing_is_said(
    wordpiece: Tokenizer, bpe: Tokenizer, tmp_path: Path, spec: Spec
) -> None:
    def segments(tokenizer: Tokenizer) -> bool:
        tokenizer.save_pretrained(tmp_path)
        text = (tmp_path / "tokenizer_config.json").read_text(encoding="utf-8")
        return "token_type_ids" in json.loads(text)["model_input_names"]

    assert segments(wordpiece)
    assert not segments(bpe)
    assert not segments(Tokenizer.from_spec(spec("roberta")))
    assert segments(Tokenizer.from_spec(spec("template")))


def test_no_limit_is_no_limit(spec: Spec, tmp_path: Path) -> None:
    config = {"model_max_length": 1000000000000000019884624838656}
    folder = folder_of(tmp_path, spec("wordpiece"), tokenizer_config=config)
    assert Tokenizer.from_pretrained(folder).settings.model_max_length is None


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"mask_token": 7}, "mask_token must be a token, but it is 7"),
        ({"mask_token": {"text": "[MASK]"}}, "mask_token must be a token"),
        ({"mask_token": ["[MASK]"]}, "mask_token must be a token"),
        ({"model_max_length": "long"}, "positive number, not 'long'"),
        ({"model_max_length": -3}, "positive number, not -3"),
        ({"model_max_length": float("nan")}, "positive number, not nan"),
        (["a", "list"], "must hold a JSON object, but it holds a list"),
    ],
)
def test_a_broken_configuration(spec: Spec, tmp_path: Path, config: Any, message: str) -> None:
    with pytest.raises(TokenizerError, match=message.replace("[", r"\[")):
        Tokenizer.from_pretrained(folder_of(tmp_path, spec("template"), tokenizer_config=config))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"no tokenizer\.json.*AutoTokenizer"):
        Tokenizer.from_pretrained(tmp_path)
    with pytest.raises(TokenizerError, match="does not exist"):
        Tokenizer.from_file(tmp_path / "tokenizer.json")
    with pytest.raises(TokenizerError, match="cannot be read"):
        Tokenizer.from_file(tmp_path)


def test_a_folder_that_cannot_be_written(bpe: Tokenizer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(TokenizerError, match="cannot be written"):
        bpe.save_pretrained(tmp_path / "file" / "folder")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[]", "holds a list"),
        (b'"text"', "holds a string"),
        (b"null", "holds a null"),
        (b"17", "holds a number"),
        (b"{}", "no model"),
        (b'{"model": 3}', "no model"),
        (b'{"model": {"type": "Unheard"}}', "not a tokenizer"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TokenizerError, match=message):
        Tokenizer.from_pretrained(tmp_path)


def test_an_added_token_whose_id_is_a_lie(spec: Spec) -> None:
    lying = spec("template")
    lying["added_tokens"][0]["id"] += 1
    with pytest.raises(TokenizerError, match=r"'\[CLS\]' the id 1, but.* it has 0"):
        Tokenizer.from_spec(lying)


def test_a_post_processor_whose_id_is_a_lie(spec: Spec) -> None:
    lying = spec("template")
    lying["post_processor"]["special_tokens"]["[SEP]"]["ids"] = [9]
    with pytest.raises(TokenizerError, match=r"'\[SEP\]' the id 9, but in the vocabulary"):
        Tokenizer.from_spec(lying)


def test_a_post_processor_that_turns_texts_around(spec: Spec) -> None:
    turned = spec("template")
    pair = turned["post_processor"]["pair"]
    for item in pair:
        if "Sequence" in item:
            item["Sequence"]["id"] = {"A": "B", "B": "A"}[item["Sequence"]["id"]]
    with pytest.raises(TokenizerError, match="once and in order"):
        Tokenizer.from_spec(turned)


def test_two_special_tokens_of_one_id(spec: Spec) -> None:
    doubled = spec("whole-word")
    doubled["model"]["vocab"]["[MASK]"] = 3
    doubled["added_tokens"][4]["id"] = 3
    with pytest.raises(TokenizerError):
        Tokenizer.from_spec(doubled).encode("a")


def test_panics_are_errors_and_interrupts_are_not() -> None:
    panic = type("PanicException", (BaseException,), {})
    said = "doing it: the tokenizers library panicked: ouch"
    with pytest.raises(TokenizerError, match=said), guarded("doing it"):
        raise panic("ouch")
    for passing in (KeyboardInterrupt, MemoryError, SystemExit):
        with pytest.raises(passing), guarded("doing it"):
            raise passing


KINDS = ["wordpiece", "template", "roberta", "metaspace", "llama-like", "whole-word"]
WRONG = [None, True, -1, 0, 3.5, 2**40, "", "x", "\0", "[MASK]", [], [1], {}, {"type": "BPE"}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, but of long lists and objects only a few."""
    yield path
    if isinstance(value, dict):
        keys: list[Any] = list(value)[:12]
    elif isinstance(value, list):
        keys = list(range(min(4, len(value))))
    else:
        keys = []
    for key in keys:
        yield from places(value[key], (*path, key))


def mutated(content: dict[str, Any], draw: random.Random) -> Any:
    """Change one place: another value, nothing at all, or twice the thing."""
    content = copy.deepcopy(content)
    path = draw.choice(list(places(content))[1:])
    holder: Any = content
    for key in path[:-1]:
        holder = holder[key]
    change = draw.choice(["value", "value", "delete", "rename", "digit"])
    if change == "value":
        holder[path[-1]] = draw.choice(WRONG)
    elif change == "delete":
        del holder[path[-1]]
    elif isinstance(holder, dict) and change == "rename":
        holder["".join(draw.choices(string.ascii_letters, k=3))] = holder.pop(path[-1])
    elif isinstance(holder[path[-1]], int):
        holder[path[-1]] += draw.choice([-1, 1, 1000])
    else:
        holder[path[-1]] = draw.choice(WRONG)
    return content


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutated_tokenizer_is_an_error_or_works(
    kind: str, spec: Spec, tmp_path: Path, texts: list[str]
) -> None:
    """Whatever is wrong in the file: our error, or ids that are in the vocabulary."""
    draw = random.Random(kind)
    content = spec(kind)
    outcomes = {"error": 0, "works": 0}
    for number in range(80):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(mutated(content, draw)), encoding="utf-8")
        try:
            tokenizer = Tokenizer.from_file(file, require=())
            for allow in (False, tokenizer.roles.mask is not None):
                for encoded in tokenizer.encode_batch(texts, specials=True, allow_mask=allow):
                    assert all(0 <= index < tokenizer.vocab_size for index in encoded.ids)
                    tokenizer.decode(encoded.ids)
        except TokenizerError:
            outcomes["error"] += 1
        else:
            outcomes["works"] += 1
    assert min(outcomes.values()) > 5, outcomes


def test_a_truncated_or_flipped_file_is_an_error_or_works(
    wordpiece: Tokenizer, tmp_path: Path
) -> None:
    wordpiece.save_pretrained(tmp_path)
    file = tmp_path / "tokenizer.json"
    whole = file.read_bytes()
    draw = random.Random(1)
    for cut in draw.sample(range(len(whole) - 2), 20):
        file.write_bytes(whole[:cut])
        with pytest.raises(TokenizerError):
            Tokenizer.from_pretrained(tmp_path)
    for _ in range(40):
        place = draw.randrange(len(whole))
        flipped = whole[place] ^ (1 << draw.randrange(8))
        file.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
        try:
            Tokenizer.from_pretrained(tmp_path).encode("the quick brown fox")
        except TokenizerError:
            continue


def test_a_prefix_that_would_end_the_process_is_an_error(spec: Spec) -> None:
    """The library aborts on this one; nothing in Python could catch it."""
    fatal = spec("template")
    fatal["model"]["continuing_subword_prefix"] = "x"
    with pytest.raises(TokenizerError, match="second part does not begin with 'x'"):
        Tokenizer.from_spec(fatal)
