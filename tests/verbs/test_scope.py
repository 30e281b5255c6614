"""`unmask scope`: audits, refusals, warnings, and a recipe that runs as it is."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.conftest import sentences
from tests.contract.folders import words, write
from tests.report.markup_check import Page
from tests.verbs.labelled import write_csv
from tests.verbs.test_finetune_answer import squad
from tests.verbs.test_finetune_tag import sentences as tagged
from tests.verbs.test_finetune_tag import write as write_tagged
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.cli.main import app
from unmask.config import read_toml
from unmask.errors import ConfigError, DataError, LabelMismatch, UnsupportedModel
from unmask.report.facts_scope import CandidateFacts, ClassRows
from unmask.verbs.finetune import finetune
from unmask.verbs.finetune_settings import TuneData, finetune_settings
from unmask.verbs.material import read_material
from unmask.verbs.scope import ScopeResult, _out_of, scope
from unmask.verbs.scoping import audit, rules
from unmask.verbs.scoping.candidates import against, bytes_of
from unmask.verbs.scoping.plan import pick, toml_of

QUICK: dict[str, Any] = {"threads": 1, "device": "cpu"}


def table(path: Path, rows: list[tuple[str, str]]) -> Path:
    return write_csv(path, list(rows), ("text", "label"))


def text_of(number: int) -> str:
    """Words that differ for each number up to some ten thousand."""
    lines = sentences()
    return f"{lines[number % len(lines)]} {lines[(number + number // len(lines)) % len(lines)]}"


def even(count: int = 120) -> list[tuple[str, str]]:
    """As many of the one label as of the other; the first words give it away."""
    return [
        (f"{'our dog sees' if number % 2 else 'she paints'} {text_of(number)}", "ab"[number % 2])
        for number in range(count)
    ]


def remarks(result: ScopeResult, kind: str) -> list[str]:
    return [one.rule for one in result.facts.remarks if one.kind == kind]


# The recipe runs


def test_the_recipe_runs_as_it_is(tiny_model_folder: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "train.csv", even())
    result = scope(data, task="classify", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)
    facts = result.facts
    assert facts.verdict == "go, with warnings"
    assert remarks(result, "warning") == ["the whole backbone on fewer than 1,000 labels"]
    assert "LoRA" in facts.remarks[0].instead
    assert "--few-shot" in facts.remarks[0].instead
    assert result.recipe is not None
    recipe = read_toml(result.recipe)
    assert recipe["budget"]["metric"] == "accuracy"
    assert recipe["model"] == {"freeze": True, "pooling": "mean"}
    assert recipe["run"] == {"seed": 0, "device": "cpu"}
    words = shlex.split(facts.command)
    assert words[:2] == ["unmask", "finetune"]
    assert words[words.index("--config") + 1] == str(result.recipe)
    done = CliRunner().invoke(app, [*words[1:], "--threads", "1", "--epochs", "1"])
    assert done.exit_code == 0, done.output
    assert "accuracy" in done.stdout
    # The same in Python goes on with that run, which is finished, and so has its settings.
    run = finetune(
        tiny_model_folder, train=data, config=result.recipe, out=words[words.index("--out") + 1],
        threads=1, epochs=1,
    )  # fmt: skip
    assert run.finished


def test_recipes_of_the_other_tasks_run(tiny_model_folder: Path, tmp_path: Path) -> None:
    pairs = [(f"the dog {n}", f"{'a dog' if n % 2 else 'she'} {n}", "ab"[n % 2]) for n in range(60)]
    numbers = [(f"the {'dog ' * (n % 5)}{n}", n % 5) for n in range(60)]
    files: dict[str, Path] = {
        "pair": write_csv(tmp_path / "p.csv", list(pairs), ("premise", "hypothesis", "label")),
        "regress": write_csv(tmp_path / "r.csv", list(numbers), ("text", "label")),
        "tag": write_tagged(tmp_path / "t.conll", tagged(60)),
        "answer": squad(tmp_path / "a.json", 12, none=3),
    }
    for task, file in files.items():
        out = tmp_path / task
        result = scope(file, task=task, models=[tiny_model_folder], out=out, **QUICK)
        assert not result.facts.refused, result.facts.remarks
        assert result.recipe is not None
        settings = finetune_settings(read_toml(result.recipe), epochs=1, threads=1)
        assert settings.task == task
        assert settings.model.freeze is (task != "answer")
        said = " ".join(one.instead for one in result.facts.remarks)
        assert "--few-shot" not in said  # which only classify has, of one label a text
        run = finetune(tiny_model_folder, train=file, out=out / "run", settings=settings)
        assert run.finished
        assert Page(result.page.read_text()).problems == []


def test_the_whole_model_from_a_thousand_labels_on(tiny_model_folder: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "train.csv", even(1200))
    result = scope(data, task="classify", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)
    assert result.facts.remarks == ()
    assert result.facts.verdict == "go"
    assert result.recipe is not None
    recipe = read_toml(result.recipe)
    assert "model" not in recipe
    assert recipe["data"] == {"text_column": "text", "label_column": "label", "dev_share": 0.1}
    assert recipe["budget"]["epochs"] >= 3


def test_pairs_that_belong_together(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = [(f"who sees {n}", f"the dog sees {n % 50}") for n in range(60)]
    data = write_csv(tmp_path / "pairs.csv", list(rows), ("query", "document"))
    for task in ("embed", "rerank"):
        out = tmp_path / task
        result = scope(data, task=task, models=[tiny_model_folder], out=out, **QUICK)
        assert result.facts.rows == 60
        assert result.facts.judged is None
        assert "no labels" in result.facts.unjudged
        assert "nDCG@10" in result.facts.plan.evaluation


def test_recipes_of_vectors_and_scores_run(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = [
        (f"who sees {n}", f"the dog sees {(n + other) % 30}", str(int(not other)))
        for n in range(30)
        for other in (0, 1)
    ]
    files = {
        "embed": (("query", "document"), [row[:2] for row in rows if row[2] == "1"]),
        "rerank": (("query", "document", "label"), rows),
    }
    for task, (columns, chosen) in files.items():
        data = write_csv(tmp_path / f"{task}.csv", list(chosen), columns)
        out = tmp_path / task
        result = scope(data, task=task, models=[tiny_model_folder], out=out, **QUICK)
        assert result.recipe is not None
        settings = finetune_settings(read_toml(result.recipe), epochs=1, threads=1)
        run = finetune(tiny_model_folder, train=data, out=out / "run", settings=settings)
        assert run.finished
        assert run.task == task


def test_texts_of_vectors_are_cut_at_the_models_own_limit(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    opened = open_sentence(tiny_model_folder, pooling="mean")
    save_sentence(tmp_path / "short", replace(opened, limit=12))
    rows = [(f"who sees {n}", "the dog sees " * (1 + 9 * (n % 4 == 0))) for n in range(40)]
    data = write_csv(tmp_path / "pairs.csv", rows, ("query", "document"))
    result = scope(data, task="embed", models=[tmp_path / "short"], out=tmp_path / "s", **QUICK)
    (facts,) = result.facts.candidates
    assert (facts.context, facts.cut) == (12, 0.25)
    assert "rows past 12 tokens are cut" in result.facts.plan.data
    assert "texts past the context" in remarks(result, "warning")


# What is refused


@pytest.mark.parametrize(
    "task", ["generate", "summarise", "Summarization", "translate", "chat", "text-generation"]
)
def test_writing_is_refused(tmp_path: Path, task: str) -> None:
    with pytest.raises(ConfigError, match=r"is refused: .* Use a small decoder"):
        scope(tmp_path / "none.csv", task=task, out=tmp_path / "s")
    with pytest.raises(ConfigError, match="task must be one of classify, pair"):
        scope(tmp_path / "none.csv", task="classfy", out=tmp_path / "s")


def rare(count: int, dev: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """4 % of one label in the training rows, and so many of it in the dev rows."""
    train = [
        (f"she paints {text_of(n)}", "rare" if n % 25 == 0 else "common") for n in range(count)
    ]
    measured = [(f"our dog {text_of(n)}", "rare" if n < dev else "common") for n in range(100)]
    return train, measured


@pytest.mark.parametrize(("dev", "refused"), [(0, True), (9, True), (10, False)])
def test_a_rare_class_needs_evaluation_rows(
    tiny_model_folder: Path, tmp_path: Path, dev: int, refused: bool
) -> None:
    train, measured = rare(200, dev)
    files = table(tmp_path / "train.csv", train), table(tmp_path / "dev.csv", measured)
    out = tmp_path / "s"
    result = scope(
        files[0], dev=files[1], task="classify", models=[tiny_model_folder], out=out, **QUICK
    )
    assert result.facts.refused is refused
    assert (result.recipe is None) is refused
    assert (out / "recipe.toml").exists() is not refused
    if refused:
        refusal, warning = result.facts.remarks[:2]
        assert "'rare' (4.0%)" in refusal.found
        assert f"has {dev or 'no'} evaluation rows" in refusal.found
        assert "Lifted by a dev file" in refusal.instead
        # Nobody comes back twice: the warning is given too.
        assert warning.kind == "warning"
        assert "VERDICT" in result.in_words()
        assert result.in_words()["VERDICT"] == "refused"


def test_accuracy_alone_is_refused_with_a_rare_class(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    train, measured = rare(200, 20)
    files = table(tmp_path / "train.csv", train), table(tmp_path / "dev.csv", measured)
    given: dict[str, Any] = {"dev": files[1], "task": "classify", "models": [tiny_model_folder]}
    result = scope(files[0], out=tmp_path / "a", metric="accuracy", **given, **QUICK)
    assert result.facts.refused
    assert "no figures for each class" in result.facts.remarks[0].found
    result = scope(files[0], out=tmp_path / "b", metric="macro-f1", **given, **QUICK)
    assert not result.facts.refused
    assert result.facts.plan.evaluation.startswith("macro F1")
    with pytest.raises(ConfigError, match="metric must be one of accuracy, macro-f1"):
        scope(files[0], out=tmp_path / "c", metric="bleu", **given, **QUICK)


def test_a_share_is_raised_until_a_rare_class_can_be_measured(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    train, _ = rare(1250, 0)  # 50 rows of the rare class, 5 of them in a tenth
    data = table(tmp_path / "train.csv", train)
    result = scope(data, task="classify", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)
    assert not result.facts.refused
    assert result.recipe is not None
    assert read_toml(result.recipe)["data"]["dev_share"] == 0.19
    assert min(one.dev_rows for one in result.facts.classes) == 10
    short, _ = rare(200, 0)  # 8 rows: no share is enough
    data = table(tmp_path / "few.csv", short)
    result = scope(data, task="classify", models=[tiny_model_folder], out=tmp_path / "t", **QUICK)
    assert result.facts.refused
    assert "at least 34 rows of each" in result.facts.remarks[0].instead


def test_a_rare_type_of_spans_needs_evaluation_sentences(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    made = tagged(200)
    for _, spans in made[:4]:
        spans[1] = spans[1]._replace(label="rare")
    data = write_tagged(tmp_path / "t.conll", made)
    result = scope(data, task="tag", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)
    assert result.facts.refused
    assert "'rare' (2.0%)" in result.facts.remarks[0].found
    assert result.recipe is None


def test_lists_of_labels_are_planned_by_a_figure_they_have(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    rows = [{"text": text_of(n), "label": [[], ["a"], ["b"], ["a", "b"]][n % 4]} for n in range(80)]
    data = tmp_path / "lists.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = scope(data, task="classify", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)
    assert result.facts.plan.evaluation.startswith("micro F1")
    assert "--few-shot" not in result.facts.remarks[0].instead
    assert result.recipe is not None
    recipe = read_toml(result.recipe)
    assert recipe["budget"]["metric"] == "micro_f1"
    run = finetune(
        tiny_model_folder, train=data, out=tmp_path / "run",
        settings=finetune_settings(recipe, epochs=1, threads=1),
    )  # fmt: skip
    assert run.kept is not None
    assert run.kept.metric == "micro_f1"


# The audit


def test_duplicates_contradictions_and_overlap(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = even(60)
    one, two, three, four = (rows[place][0] for place in (1, 2, 3, 4))
    rows += [(one, "b"), (f"{one.upper()}!", "b"), (two, "b")]
    dev = [(three, "b"), (four.upper(), "a"), ("a red piano", "a"), ("the fox", "b")]
    files = table(tmp_path / "train.csv", rows), table(tmp_path / "dev.csv", dev)
    result = scope(
        files[0], dev=files[1], task="classify", models=[tiny_model_folder],
        out=tmp_path / "s", **QUICK,
    )  # fmt: skip
    found, both = result.facts.repeats, result.facts.overlap
    assert (found.exact, found.alike) == (2, 3)
    assert (found.conflicts, found.conflict_rows) == (1, 2)
    assert [(one.row, one.label) for one in found.shown] == [(4, "a"), (64, "b")]
    assert both is not None
    assert (both.exact, both.alike, both.rows) == (1, 2, 4)
    assert [one.row for one in both.shown] == [2, 3]
    assert {"train and dev overlap", "the same text with different labels"} <= set(
        remarks(result, "warning")
    )
    page = Page(result.page.read_text())
    assert "On both sides" in page.text
    for place in ("train.csv:4", "train.csv:64", "dev.csv:2", "dev.csv:3"):
        assert place in page.text, place
    assert four.upper() in page.text


def test_label_mistakes_are_listed_with_row_and_suggestion(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    rows = even(200)
    rows[41] = (rows[41][0], "a")  # it was b
    data = table(tmp_path / "train.csv", rows)
    result = scope(data, task="classify", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)
    judged = result.facts.judged
    assert judged is not None
    assert judged.suspects >= 1
    first = judged.shown[0]
    assert (first.row, first.given, first.suggested) == (43, "a", "b")
    assert first.text == rows[41][0]
    assert first.given_score is not None
    assert first.given_score < 0.5
    assert "train.csv:43" in Page(result.page.read_text()).text


def test_mistakes_among_tags(tiny_model_folder: Path, tmp_path: Path) -> None:
    made = tagged(80)
    words, spans = made[5]
    made[5] = (words, [spans[0]._replace(label="thing"), spans[1]])
    data = write_tagged(tmp_path / "t.conll", made)
    result = scope(data, task="tag", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)
    judged = result.facts.judged
    assert judged is not None
    assert judged.unit == "words"
    line = 1 + sum(len(words) + 1 for words, _ in made[:5])
    assert any(one.row == line and one.suggested == "being" for one in judged.shown)


def test_rows_are_named_by_their_lines_where_bad_ones_are_left_out(tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text('text,label\none,a,x\n"two\nlines",a\nthree,\ntwo,a\ntwo,b\nfour,b\n')
    data = read_material(train, "classify", TuneData(on_bad="skip", max_bad=0.9))
    assert data.lines == (3, 6, 7, 8)
    assert [one.row for one in audit.repeats(data).shown] == [6, 7]


@pytest.mark.parametrize("task", ["tag", "answer", "embed"])
def test_rows_of_every_task_have_lines(tmp_path: Path, task: Any) -> None:
    row = {
        "tag": {"text": "anna", "spans": [[0, 4, "x"]]},
        "answer": {"question": "who", "context": "anna", "answer": "anna"},
        "embed": {"query": "who", "positive": ["anna", "eva"]},
    }[task]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([json.dumps(row), "", "{", json.dumps(row)]) + "\n")
    data = read_material(path, task, TuneData(on_bad="skip", max_bad=0.9))
    assert {*data.lines} == {1, 4}
    assert len(data.lines) == len(data)


def test_text_past_the_context_and_unknown_tokens(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = [(text + (" the dog" * 40 if n % 4 == 0 else " ☃ 鼠"), label)
            for n, (text, label) in enumerate(even(100))]  # fmt: skip
    data = table(tmp_path / "train.csv", rows)
    result = scope(data, task="classify", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)
    assert {"texts past the context", "unknown tokens"} <= set(remarks(result, "warning"))
    candidate = result.facts.candidates[0]
    assert candidate.cut == 0.25
    assert candidate.unknown > 0.01
    assert candidate.most > candidate.context >= candidate.half


# Candidates and budgets


def test_several_candidates_and_a_budget(tiny_model_folder: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "train.csv", even(100))
    write(tmp_path / "bert", words(), "bert", "lm", "auto")
    models = [tiny_model_folder, tmp_path / "bert"]
    given: dict[str, Any] = {"task": "classify", "models": models, **QUICK}
    result = scope(data, out=tmp_path / "a", **given)
    first, second = result.facts.candidates
    assert first.score is not None
    assert second.score is not None
    assert first.score >= second.score
    for one in (first, second):
        assert one.bytes == 4 * one.parameters > 0
        assert one.ms_half > 0
        assert one.ms_most > 0
        assert one.tokens_per_second > 0
    assert "out of fold" in result.facts.plan.backbone
    assert f"{first.ms_most:.1f} ms at the 95th percentile" in result.facts.plan.backbone
    result = scope(data, out=tmp_path / "b", memory="1kB", latency_ms=1e-6, **given)
    assert "no candidate keeps within the budget" in remarks(result, "warning")
    assert "this is the nearest" in result.facts.plan.backbone


def test_a_classifier_of_other_labels_is_no_candidate(
    tiny_classifier_folder: Path, tmp_path: Path
) -> None:
    data = table(tmp_path / "train.csv", even(60))
    given: dict[str, Any] = {"task": "classify", "models": [tiny_classifier_folder], **QUICK}
    with pytest.raises(LabelMismatch, match="for bad, fine, good, and the data has a, b"):
        scope(data, out=tmp_path / "s", **given)
    same = [(text, ("bad", "fine", "good")[n % 3]) for n, (text, _) in enumerate(even(60))]
    result = scope(table(tmp_path / "same.csv", same), out=tmp_path / "t", **given)
    assert result.recipe is not None
    assert read_toml(result.recipe)["model"] == {"freeze": True}  # it has said how it pools


def figures(name: str, **changes: Any) -> CandidateFacts:
    given: dict[str, Any] = {
        "name": name, "what": "bert", "parameters": 100, "bytes": 400, "context": 512,
        "tokens_per_word": 1.2, "unknown": 0.0, "half": 10, "most": 20, "cut": 0.0,
        "ms_half": 1.0, "ms_most": 2.0, "tokens_per_second": 1e4,
    }  # fmt: skip
    return CandidateFacts(**{**given, **changes})


def test_how_a_backbone_is_picked() -> None:
    assert pick([figures("a", score=0.7), figures("b", score=0.8)]) == (1, False)
    assert pick([figures("a"), figures("b", parameters=200)]) == (1, False)
    assert pick([figures("a", cut=0.5, parameters=999), figures("b")]) == (1, False)
    assert pick([figures("a", score=0.9, against="x"), figures("b", score=0.1)]) == (1, False)
    late = [figures("a", against="x", ms_most=9), figures("b", against="x", ms_most=5)]
    assert pick(late) == (1, True)
    assert against(figures("a"), 1.5, None) == "2.0 ms at the 95th percentile, over 1.5 ms"
    assert "MiB of parameters, over" in against(figures("a"), None, 399)
    assert against(figures("a"), 2.0, 400) == ""


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 500_000_000), ("1 GiB", 2**30), ("2048", 2048), ("1.5k", 1500)]
)
def test_sizes(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"memory": "much"}, "memory must be a size"),
        ({"latency_ms": 0.0}, "latency_ms must be above 0"),
    ],
)
def test_budgets_that_are_none(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        scope(tmp_path / "x.csv", task="classify", out=tmp_path / "s", **changes)


def test_candidates_that_open_here(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    from unmask.verbs.scoping import candidates

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(candidates, "PACKAGES", ())
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    data = table(tmp_path / "train.csv", even(60))
    with pytest.raises(ConfigError, match="no model opens here"):
        scope(data, task="classify", out=tmp_path / "s", **QUICK)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(tiny_model_folder.parent)
    snapshot = tmp_path / "cache" / "models--org--name" / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")  # what does not open is no candidate
    result = scope(data, task="classify", out=tmp_path / "s", **QUICK)
    assert [one.name for one in result.facts.candidates] == ["mine"]
    # What was fine-tuned may know these rows by heart; a link is no candidate of its own.
    finetune(tiny_model_folder, train=data, out=tmp_path / "tuned", epochs=1, threads=1)
    (tmp_path / "again").symlink_to(tmp_path / "runs" / "mine")
    result = scope(data, task="classify", out=tmp_path / "again-s", **QUICK)
    assert [one.name for one in result.facts.candidates] == ["again"]
    with pytest.raises(UnsupportedModel):
        scope(data, task="classify", out=tmp_path / "t", models=[_odd(tmp_path)], **QUICK)


def _odd(root: Path) -> Path:
    folder = root / "odd"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "t5"}')
    return folder


# The small pieces


def test_what_is_left_of_a_text() -> None:
    assert audit.normalised(("  The—Café, ", "ﬁ!")) == ("the café", "fi")
    assert audit.normalised(("!!!",)) == ("!!!",)  # nothing but punctuation stays what it is


def test_the_metric_by_itself() -> None:
    common, few = ClassRows("a", 90, 10, 0.95), ClassRows("b", 5, 1, 0.05)
    assert rules.metric_of(None, "classify", "label", (common, few)) == "macro F1"
    assert rules.metric_of(None, "classify", "label", (common,)) == "accuracy"
    assert rules.metric_of("micro-f1", "classify", "labels", (common, few)) == "micro F1"
    assert rules.metric_of(None, "tag", "tags", ()) == "F1"
    with pytest.raises(ConfigError, match="metric must be one of micro-f1, macro-f1"):
        rules.metric_of("accuracy", "classify", "labels", (common,))


def test_toml_with_odd_names(tmp_path: Path) -> None:
    odd = 'the "text"\\\n\x7fé'
    path = tmp_path / "odd.toml"
    path.write_text(toml_of({"task": "tag", "data": {"text_column": odd, "x": 0.1}}, ["a # b"]))
    assert read_toml(path) == {"task": "tag", "data": {"text_column": odd, "x": 0.1}}


def test_hostile_text_stays_text(tiny_model_folder: Path, tmp_path: Path) -> None:
    hostile = '"><script>alert(1)</script>'
    rows = [(f"{hostile} {n % 40}", f"{hostile}{n % 2}") for n in range(80)]
    data = table(tmp_path / "train.csv", rows)
    result = scope(data, task="classify", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)
    assert Page(result.page.read_text()).problems == []


def test_what_is_there_is_not_replaced_unasked(tiny_model_folder: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "train.csv", even(60))
    given: dict[str, Any] = {"task": "classify", "models": [tiny_model_folder], **QUICK}
    scope(data, out=tmp_path / "s", **given)
    with pytest.raises(ConfigError, match=r"holds scope\.html and recipe\.toml already"):
        scope(data, out=tmp_path / "s", **given)
    scope(data, out=tmp_path / "s", replace=True, **given)


@pytest.mark.parametrize("python", [True, False])
def test_the_folder_has_the_name_of_the_data(
    python: bool, tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("corpus").mkdir()
    data = table(Path("corpus/my.train.csv"), even(60))
    if python:
        result = scope(data, task="classify", models=[tiny_model_folder], **QUICK)
        assert result.page == Path("scope-my.train/scope.html")
        assert result.recipe == Path("scope-my.train/recipe.toml")
        with pytest.raises(
            ConfigError, match=r"scope-my\.train holds scope\.html and recipe\.toml"
        ):
            scope(data, task="classify", models=[tiny_model_folder], **QUICK)
        assert _out_of("more/train.CSV.gz") == _out_of("train.conll") == Path("scope-train")
    else:
        words = ["scope", str(data), "--task", "classify", "--model", str(tiny_model_folder)]
        done = CliRunner().invoke(app, [*words, "--threads", "1"])
        assert done.exit_code == 0, done.output
        assert "scope-my.train/scope.html" in done.stdout
        assert "--config scope-my.train/recipe.toml" in done.stdout
    there = sorted(path.name for path in Path("scope-my.train").iterdir())
    assert there == ["recipe.toml", "scope.html"]


def test_data_that_cannot_be_read(tiny_model_folder: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "empty.csv", [])
    with pytest.raises(DataError, match=r"must have rows, but .* has none"):
        scope(data, task="classify", models=[tiny_model_folder], out=tmp_path / "s", **QUICK)


def test_the_command(tiny_model_folder: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "train.csv", even(60))
    words = ["scope", str(data), "--task", "classify", "--model", str(tiny_model_folder)]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "s"), "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert "VERDICT" in done.stdout
    assert "WATCH FOR" in done.stdout
    few, _ = rare(200, 0)
    words[1] = str(table(tmp_path / "few.csv", few))
    again = [*words, "--out", str(tmp_path / "t"), "--threads", "1", "--json"]
    done = CliRunner().invoke(app, again)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["recipe"] is None
