"""Vectors of texts, beside those of sentence-transformers."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
import transformers

from tests.conftest import sentences
from tests.pipelines.theirs import (
    CONTEXT,
    TEXTS,
    WIDTH,
    Dense,
    Normalize,
    SentenceTransformer,
    backbone,
    embedding_model,
    old_spelling,
    rewrite,
)
from unmask.batches.pack import pack
from unmask.errors import ConfigError, ModelError, TextError, TokenizerError, TooLong
from unmask.pipelines import embed, running
from unmask.pipelines.embed import Embedder, How

MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
PROMPTS = {"query": "the cat: ", "passage": "a river: "}
LONG = TEXTS[3]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Cut texts are the rule here, and one test looks at the warning."""
    transformers.logging.set_verbosity_error()
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\d+ of \d+ texts are longer")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything at once: two modes, a dense layer, normalising, prompts that do not count."""
    torch.manual_seed(3)
    root = tmp_path_factory.mktemp("embedding")
    stages = (Dense(2 * WIDTH, 20), Normalize())
    return embedding_model(
        root, "bert", ("mean", "max"), *stages, include_prompt=False, prompts=dict(PROMPTS)
    )


def theirs(folder: Path, texts: list[str] = TEXTS, **options: Any) -> np.ndarray[Any, Any]:
    model = SentenceTransformer(str(folder), device="cpu")
    found: np.ndarray[Any, Any] = model.encode(texts, **options)
    return found


def assert_same(ours: Any, others: Any) -> None:
    assert ours.dtype == np.float32
    assert ours.shape == others.shape
    np.testing.assert_allclose(ours, others, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("arch", ["bert", "modernbert"])
@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("modes", [*((mode,) for mode in MODES), MODES, ("mean", "cls")])
def test_every_pooling(
    tmp_path: Path, arch: str, modes: tuple[str, ...], include_prompt: bool
) -> None:
    folder = embedding_model(tmp_path, arch, modes, include_prompt=include_prompt)
    ours = Embedder.from_pretrained(folder)
    assert ours.dimension == WIDTH * len(modes)
    assert_same(ours.encode(TEXTS), theirs(folder))
    assert_same(ours.encode(TEXTS, prompt="the cat "), theirs(folder, prompt="the cat "))
    ours.save_pretrained(tmp_path / "saved")
    assert_same(theirs(tmp_path / "saved", prompt="a "), theirs(folder, prompt="a "))
    again = Embedder.from_pretrained(tmp_path / "saved")
    assert np.array_equal(again.encode(TEXTS), ours.encode(TEXTS))


def test_dense_normalize_and_prompts(folder: Path, tmp_path: Path) -> None:
    ours, model = Embedder.from_pretrained(folder), SentenceTransformer(str(folder), device="cpu")
    ours.save_pretrained(tmp_path / "saved")
    saved = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert (ours.dimension, ours.max_length) == (20, CONTEXT - 4)
    assert ours.prompts == model.prompts == saved.prompts
    assert saved.max_seq_length == ours.max_length
    for name in (None, "query", "passage"):
        expected = model.encode(TEXTS, prompt_name=name)
        assert_same(ours.encode(TEXTS, prompt_name=name), expected)
        assert_same(saved.encode(TEXTS, prompt_name=name), expected)
    assert_same(ours.encode_query(TEXTS), model.encode_query(TEXTS))
    np.testing.assert_allclose(np.linalg.norm(ours.encode(TEXTS), axis=1), 1, rtol=1e-6)
    raw = ours.encode(TEXTS, normalize=False)
    assert np.abs(np.linalg.norm(raw, axis=1) - 1).max() > 0.1


@pytest.mark.parametrize("outputs", [WIDTH, 20])
@pytest.mark.parametrize("activation", ["Tanh", "GELU", "SiLU", "ReLU", "Sigmoid", None])
def test_dense_layers(tmp_path: Path, activation: str | None, outputs: int) -> None:
    torch.manual_seed(3)
    function = None if activation is None else getattr(torch.nn, activation)()
    dense = Dense(
        WIDTH,
        outputs,
        bias=activation != "ReLU",
        activation_function=function,
        use_residual=activation in ("SiLU", None),
    )
    folder = embedding_model(tmp_path, "bert", ("cls",), Normalize(), dense, truncate_dim=15)
    ours = Embedder.from_pretrained(folder)
    assert ours.dimension == 15
    assert_same(ours.encode(TEXTS), theirs(folder))
    assert_same(ours.encode(TEXTS, normalize=True), theirs(folder, normalize_embeddings=True))
    ours.save_pretrained(tmp_path / "saved", format="sentence-transformers")
    assert_same(theirs(tmp_path / "saved"), theirs(folder))


def test_same_bits_in_any_company_behind_dense_layers(tmp_path: Path) -> None:
    """Also where a window's texts are few or many when they are finished."""
    torch.manual_seed(3)
    stages = (Dense(WIDTH, 37), Normalize(), Dense(37, 19, activation_function=torch.nn.GELU()))
    folder = embedding_model(tmp_path, "bert", ("mean",), *stages)
    ours = Embedder.from_pretrained(folder, batch_invariant=True)
    texts = [*TEXTS, *sentences()[:300]]
    together = ours.encode(texts)
    for place in (0, 1, 2, 40, len(texts) - 1):
        assert np.array_equal(ours.encode([texts[place]])[0], together[place])
    assert np.array_equal(ours.encode(texts[:7]), together[:7])
    assert_same(together, Embedder.from_pretrained(folder).encode(texts))


@pytest.mark.parametrize("own_folder", [False, True])
def test_a_folder_of_an_old_version(tmp_path: Path, own_folder: bool) -> None:
    folder = old_spelling(embedding_model(tmp_path, "bert", ("cls", "mean"), Normalize()))
    (folder / "2_Normalize" / "config.json").unlink()
    (folder / "2_Normalize").rmdir()
    if own_folder:
        inner = folder / "0_Transformer"
        inner.mkdir()
        for path in list(folder.iterdir()):
            if path.is_file() and path.name not in (
                "modules.json",
                "config_sentence_transformers.json",
            ):
                path.rename(inner / path.name)
        modules = json.loads((folder / "modules.json").read_text())
        modules[0]["path"] = "0_Transformer"
        (folder / "modules.json").write_text(json.dumps(modules))
    ours = Embedder.from_pretrained(folder)
    assert ours.max_length == 20
    expected = theirs(folder)
    assert_same(ours.encode(TEXTS), expected)
    ours.save_pretrained(tmp_path / "saved")
    assert_same(theirs(tmp_path / "saved"), expected)


def test_lower_case_is_part_of_the_tokenizer(tmp_path: Path) -> None:
    folder = old_spelling(embedding_model(tmp_path), do_lower_case=True)
    texts = ["The Cat SEES a ΣΑΣ", "the İ"]
    ours = Embedder.from_pretrained(folder)
    expected = theirs(folder, texts)
    assert_same(ours.encode(texts), expected)
    assert_same(ours.encode(["THE CAT"]), ours.encode(["the cat"]))
    ours.save_pretrained(tmp_path / "saved")
    assert_same(Embedder.from_pretrained(tmp_path / "saved").encode(texts), expected)
    assert_same(theirs(tmp_path / "saved", texts), expected)
    assert ours.tokenizer.lowercased() is ours.tokenizer


def test_max_seq_length_never_passes_the_context(tmp_path: Path) -> None:
    folder = old_spelling(embedding_model(tmp_path), max_seq_length=1000)
    ours = Embedder.from_pretrained(folder)
    assert ours.max_length == CONTEXT
    assert ours.encode([LONG]).shape == (1, WIDTH)


def test_the_rule_for_prompts(tmp_path: Path) -> None:
    folder = embedding_model(tmp_path)
    prompts = {"query": "the cat ", "passage": "a river "}
    said = {"prompts": prompts, "default_prompt_name": "passage", "similarity_fn_name": "dot"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(said))
    ours, model = Embedder.from_pretrained(folder), SentenceTransformer(str(folder), device="cpu")
    assert_same(ours.encode(TEXTS), model.encode(TEXTS))
    assert_same(ours.encode(TEXTS), ours.encode(TEXTS, prompt="a river "))
    assert_same(ours.encode(TEXTS, prompt=""), model.encode(TEXTS, prompt=""))
    assert_same(ours.encode_query(TEXTS), model.encode_query(TEXTS))
    with pytest.warns(UserWarning, match="has a prompt 'passage' and none 'document'"):
        documents = ours.encode_document(TEXTS)
    assert_same(documents, model.encode_document(TEXTS))
    assert_same(
        ours.encode_document(TEXTS, prompt_name="passage"),
        model.encode_document(TEXTS, prompt_name="passage"),
    )
    with pytest.raises(ConfigError, match="either prompt or prompt_name"):
        ours.encode(TEXTS, prompt="a", prompt_name="query")
    with pytest.raises(ConfigError, match="not 'other'; it has: 'query', 'passage'"):
        ours.encode(TEXTS, prompt_name="other")
    with pytest.raises(ConfigError, match=r"leave room for text, but it has \d+ tokens"):
        ours.encode(TEXTS, prompt=LONG)


@pytest.mark.parametrize("name", ["cosine", "dot", "euclidean", "manhattan", None])
def test_similarity(folder: Path, tmp_path: Path, name: str | None) -> None:
    copy = tmp_path / "model"
    Embedder.from_pretrained(folder).save_pretrained(copy)
    (copy / "manifest.json").unlink()
    rewrite(copy / "config_sentence_transformers.json", similarity_fn_name=name)
    ours, model = Embedder.from_pretrained(copy), SentenceTransformer(str(copy), device="cpu")
    a, b = ours.encode(TEXTS[:4], normalize=False), ours.encode(TEXTS[2:], normalize=False)
    np.testing.assert_allclose(ours.similarity(a, b), model.similarity(a, b), atol=1e-5)
    assert ours.similarity(a[0], b).shape == (1, len(b))
    with pytest.raises(ModelError, match="with the same E, not"):
        ours.similarity(a, b[:, :3])


def test_an_iterator_gives_an_iterator(folder: Path) -> None:
    ours = Embedder.from_pretrained(folder)
    texts = sentences() * 12
    read = 0

    def source() -> Iterator[str]:
        nonlocal read
        for text in texts:
            read += 1
            yield text

    vectors = ours.encode(source())
    first = next(vectors)
    assert first.shape == (20,)
    assert read < len(texts) - 100
    whole = np.stack([first, *vectors])
    assert_same(whole, ours.encode(texts))
    assert ours.encode([]).shape == (0, 20)
    for method in (ours.encode_query, ours.encode_document):
        given = {} if method == ours.encode_query else {"prompt_name": "passage"}
        vectors = method(iter(TEXTS), **given)
        assert isinstance(vectors, Iterator)
        found = method(TEXTS, **given)
        assert isinstance(found, np.ndarray)
        assert_same(np.stack(list(vectors)), found)


def test_the_options_of_encode_are_those_that_checkers_know(folder: Path) -> None:
    for method in (Embedder.encode, Embedder.encode_query, Embedder.encode_document):
        options = [*inspect.signature(method).parameters.values()][2:]
        assert [one.name for one in options] == list(How.__annotations__)
        assert all(one.kind is one.KEYWORD_ONLY for one in options)


@pytest.mark.parametrize("on_long", ["truncate", "chunk"])
def test_windows_of_few_characters_change_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, on_long: Literal["truncate", "chunk"]
) -> None:
    ours = Embedder.from_pretrained(folder)
    whole = ours.encode(TEXTS, prompt="the cat ", on_long=on_long)
    small = partial(running.windows, characters=60)
    assert len(list(small("the cat " + text for text in TEXTS))) > 3
    monkeypatch.setattr(embed, "windows", small)
    assert_same(ours.encode(TEXTS, prompt="the cat ", on_long=on_long), whole)
    with pytest.raises(TokenizerError, match="text 7 is a NoneType"):
        ours.encode([*TEXTS[:7], None])  # type: ignore[list-item]
    with pytest.raises(TooLong, match=r"text 3 \(counted from 0\)"):
        ours.encode(TEXTS, on_long="error")


def test_a_bar_on_standard_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = Embedder.from_pretrained(folder)
    silent = ours.encode_query(["a", "the cat", "b"])
    assert capsys.readouterr() == ("", "")
    shown = ours.encode_query(["a", "the cat", "b"], progress=True)
    said = capsys.readouterr()
    assert "embedding" in said.err
    assert "3 of 3" in said.err
    assert said.out == ""
    assert_same(shown, silent)
    list(ours.encode(iter(["a", "b"]), progress=True))
    assert "2 read" in capsys.readouterr().err
    ours.encode([], progress=True)


def test_what_happens_to_long_texts(folder: Path) -> None:
    ours = Embedder.from_pretrained(folder)
    with pytest.warns(UserWarning, match="^1 of 3 texts are longer than 36 tokens"):
        ours.encode(["a", LONG, "b"])
    with pytest.raises(TooLong, match=r"text 1 \(counted from 0\)"):
        ours.encode(["a", LONG], on_long="error")
    with pytest.raises(ConfigError, match="on_long must be one of"):
        ours.encode(["a"], on_long="cut")  # type: ignore[call-overload]


@pytest.mark.parametrize("include_prompt", [True, False])
def test_chunks_are_averaged_by_their_tokens(tmp_path: Path, include_prompt: bool) -> None:
    folder = embedding_model(
        tmp_path, "bert", ("mean",), Normalize(), include_prompt=include_prompt
    )
    ours = Embedder.from_pretrained(folder)
    prompt = "the cat "
    text = LONG + "a dog"
    found = ours.encode([text, "a"], prompt=prompt, on_long="chunk")
    layout, model = ours.tokenizer.layout, ours.opened.encoder.model
    lead = len(ours.tokenizer.encode(prompt).ids)
    ids = list(ours.tokenizer.encode(prompt + text).ids)
    rest = ids[lead:]
    room = ours.max_length - len(layout.prefix) - len(layout.suffix) - lead
    count = -(-len(rest) // room)
    ends = [len(rest) * n // count for n in range(count + 1)]
    assert count > 2
    kept = []
    for a, b in pairwise(ends):
        row = [*layout.prefix, *ids[:lead], *rest[a:b], *layout.suffix]
        assert len(row) <= ours.max_length
        skip = 0 if include_prompt else len(layout.prefix) + lead
        with torch.no_grad():
            kept.append(model(pack([row]))[skip:])
    assert len({len(part) for part in kept}) == 2  # else equal weights would do
    # Mean pooling of parts, weighed by their tokens, is the mean of all tokens of all parts.
    mean = torch.cat(kept).mean(0)
    np.testing.assert_allclose(found[0], (mean / mean.norm()).numpy(), atol=1e-6)
    np.testing.assert_allclose(found[1], ours.encode(["a"], prompt=prompt)[0], atol=1e-6)


def test_chunks_of_a_model_in_bfloat16(tmp_path: Path) -> None:
    """Their average is rounded once, and a chunk's weight not at all."""
    plain = backbone(tmp_path / "plain", "modernbert")
    rewrite(plain / "config.json", max_position_embeddings=700)  # it has no table of positions
    ours = Embedder.from_pretrained(plain, pooling="mean", dtype=torch.bfloat16)
    text, layout = " ".join(sentences()[:90]), ours.tokenizer.layout
    ids = ours.tokenizer.encode(text).ids
    assert 700 < len(ids) < 1390  # two chunks, each of more than 256 tokens
    model, head = ours.opened.encoder.model, ours.opened.head
    parts, weights, half = [], [], len(ids) // 2
    for piece in (ids[:half], ids[half:]):
        batch = pack([[*layout.prefix, *piece, *layout.suffix]])
        with torch.inference_mode():
            parts.append(head.pool(model(batch), batch)[0].double().numpy())
        weights.append(batch.tokens)
    found = ours.encode([text], on_long="chunk", batch_tokens=1)[0]
    expected = np.average(parts, axis=0, weights=weights)
    step = 2.0 ** (np.floor(np.log2(np.abs(expected))) - 7)  # from one bfloat16 to the next
    assert (np.abs(found - expected) / step).max() < 0.501


def test_vectors_do_not_depend_on_neighbours(folder: Path) -> None:
    ours = Embedder.from_pretrained(folder)
    alone = np.concatenate([ours.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(ours.encode(TEXTS), alone, atol=1e-6)
    np.testing.assert_allclose(ours.encode(TEXTS, batch_tokens=50), alone, atol=1e-6)


def test_a_plain_folder_needs_a_pooling(tmp_path: Path, folder: Path) -> None:
    plain = backbone(tmp_path / "plain", "modernbert")
    with pytest.raises(
        ModelError, match=r"no modules\.json\. Say it yourself, as in pooling='mean'"
    ):
        Embedder.from_pretrained(plain)
    ours = Embedder.from_pretrained(plain, pooling="mean")
    assert_same(ours.encode(TEXTS), theirs(plain))  # they take the mean where nothing says it
    ours.save_pretrained(tmp_path / "saved")
    assert_same(theirs(tmp_path / "saved"), theirs(plain))
    with pytest.raises(ModelError, match="pooling='cls' was given too"):
        Embedder.from_pretrained(folder, pooling="cls")


@pytest.mark.parametrize("pooling", ["foo", "", "MEAN", ["mean"], ("mean", "cls")])
def test_a_pooling_that_is_not_known(tmp_path: Path, pooling: Any) -> None:
    plain, known = backbone(tmp_path / "plain", "bert"), ", ".join(MODES)
    with pytest.raises(ModelError, match=re.escape(f"must be by {known}, not {pooling!r}")):
        Embedder.from_pretrained(plain, pooling=pooling)


def test_formats(tmp_path: Path, folder: Path) -> None:
    ours = Embedder.from_pretrained(folder)
    expected = ours.encode(TEXTS)
    ours.save_pretrained(tmp_path / "own", format="unmask")
    assert json.loads((tmp_path / "own" / "config.json").read_text())["format"] == "unmask"
    assert_same(Embedder.from_pretrained(tmp_path / "own").encode(TEXTS), expected)
    ours.save_pretrained(tmp_path / "hf", format="hf")
    assert not (tmp_path / "hf" / "modules.json").exists()
    transformers.AutoModel.from_pretrained(tmp_path / "hf")
    with pytest.raises(ModelError, match="format must be one of auto, sentence-transformers"):
        ours.save_pretrained(tmp_path / "no", format="onnx")  # type: ignore[arg-type]


def test_a_run_is_opened_by_its_own_folder(tmp_path: Path, folder: Path) -> None:
    Embedder.from_pretrained(folder).save_pretrained(tmp_path / "run" / "model")
    assert Embedder.from_pretrained(tmp_path / "run").dimension == 20


def test_what_is_no_list_of_texts(folder: Path) -> None:
    ours = Embedder.from_pretrained(folder)
    with pytest.raises(TokenizerError, match=r"write \[text\]"):
        ours.encode("text")
    with pytest.raises(TokenizerError, match="1"):
        ours.encode(["a", 3], prompt="x ")  # type: ignore[list-item]


def test_a_text_without_any_token_is_refused(tmp_path: Path) -> None:
    plain = backbone(tmp_path / "plain", "bert")
    path = plain / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"post_processor": None}))
    ours = Embedder.from_pretrained(plain, pooling="max")
    assert ours.encode(["a b"]).shape == (1, WIDTH)
    with pytest.raises(TextError, match=r"text 1 \(counted from 0\) has no token"):
        ours.encode(["a", ""])


def test_half_precision(folder: Path) -> None:
    half = Embedder.from_pretrained(folder, dtype=torch.bfloat16).encode(TEXTS)
    assert half.dtype == np.float32
    whole = Embedder.from_pretrained(folder).encode(TEXTS)
    assert (half * whole).sum(1).min() > 0.99
