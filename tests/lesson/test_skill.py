"""The skill page: a front matter that tools can read, and the rules it must state."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "lesson" / "outputs" / "skill-bert-finetuner.md"
TEXT = PAGE.read_text()


def test_the_front_matter_has_a_name_and_a_description() -> None:
    match = re.match(r"---\n(.*?)\n---\n", TEXT, re.S)
    assert match is not None
    fields = dict(line.split(": ", 1) for line in match[1].splitlines())
    assert fields.keys() == {"name", "description"}
    assert fields["name"] == "bert-finetuner"
    # YAML reads a plain value with ": " in it as a mapping.
    assert ": " not in fields["description"]
    assert 50 < len(fields["description"]) <= 1024


@pytest.mark.parametrize(
    "part",
    ["Backbone", "Head", "Data", "Evaluation", "Stopping", "Failure to watch for"],
)
def test_the_plan_has_every_part(part: str) -> None:
    plan = TEXT.split("## 3. ")[1].split("## 4. ")[0]
    assert re.search(rf"^\*\*{part}[.:]", plan, re.M)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("R1. Refuse", ["written", "decoder"]),
        ("R2. Refuse", ["under 10 %", "not stratified"]),
        ("W1. Warn", ["whole backbone", "fewer than 1,000"]),
    ],
)
def test_the_limits_are_stated(rule: str, words: list[str]) -> None:
    paragraph = next(p for p in TEXT.split("\n\n") if p.startswith(f"**{rule}"))
    assert all(word in paragraph for word in words)


def test_the_worked_example_fills_the_whole_form() -> None:
    form, example = re.findall(r"```\n(TASK.*?)```", TEXT, re.S)[:2]
    names, filled = (re.findall(r"^([A-Z]+(?: FOR)?) +\S", page, re.M) for page in (form, example))
    assert names == filled
    assert len(names) == 10
    assert "<" not in example  # no placeholder of the form is left


def test_the_sums_in_the_worked_example_are_right() -> None:
    example = TEXT.split("## 5. ")[1]
    found = re.findall(r"(billing|delivery|returns|account|legal) ([\d,]+)[,.]", example)
    queues = {queue: int(count.replace(",", "")) for queue, count in found}
    assert len(queues) == 5
    assert sum(queues.values()) == 6_400
    assert round(100 * queues["legal"] / 6_400) == 4
    assert round(0.15 * queues["legal"]) == 38
    assert (round(0.7 * 6_400), round(0.15 * 6_400)) == (4_480, 960)
