"""The whole lesson, run once as a reader runs it, and its README held against what it prints."""

import re
import subprocess
import sys
from types import ModuleType

import pytest
import torch

from tests.lesson.page import LESSON, blocks, page

README = page()
STEPS = README.split("\n## Exercise 1.")[0]  # the exercises have tests of their own

NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?%?")


@pytest.fixture(scope="module")
def run() -> subprocess.CompletedProcess[str]:
    """`python lesson/code/main.py`, with every warning an error."""
    command = [sys.executable, "-W", "error", str(LESSON / "code" / "main.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def figure(output: str, pattern: str) -> float:
    found = re.search(pattern, output)
    assert found is not None, pattern
    return float(found[1])


def test_every_check_passes(run: subprocess.CompletedProcess[str]) -> None:
    assert run.stderr == ""
    assert "[FAIL]" not in run.stdout
    assert run.returncode == 0
    assert run.stdout.count("[PASS]") == 12
    assert "12 of 12 checks passed." in run.stdout


def test_the_model_reaches_the_entropy_on_unseen_sentences(
    run: subprocess.CompletedProcess[str], toy: ModuleType
) -> None:
    language = toy.all_sentences()
    by_place = toy.entropy_by_place(language, language)
    entropy = sum(by_place) / len(by_place)
    assert figure(run.stdout, r"own entropy +([\d.]+)") == pytest.approx(entropy, abs=5e-4)
    loss = figure(run.stdout, r"\n    all +([\d.]+)")
    floor = figure(run.stdout, r"\n    all +[\d.]+ +([\d.]+)")
    assert loss - entropy < 0.1
    assert loss > floor - 5e-3  # nobody beats the floor; a leak of the answer would


def test_a_failed_check_fails_the_run(
    lesson: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Too few steps to learn anything: the claims must fall, and the exit status say so."""
    monkeypatch.setattr(sys.modules["pretraining"], "STEPS", 3)
    threads = torch.get_num_threads()
    try:
        assert lesson.main() == 1
    finally:
        torch.set_num_threads(threads)  # the lesson sets its own, and other tests follow this one
    printed = capsys.readouterr().out
    assert "[FAIL] loss on unseen sentences" in printed
    assert "[FAIL] on the pretrained encoder the head is over 0.9 right" in printed
    passed, made = map(int, re.findall(r"(\d+) of (\d+) checks passed", printed)[0])
    assert passed < made == 12


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def tolerance(number: str) -> float:
    """Counts and shares in per cent are exact; trained figures depend on how a CPU rounds."""
    if "." not in number or number.endswith("%"):
        return 0.0
    return 0.05 if len(number.split(".")[1]) >= 3 else 0.1


def test_the_readme_shows_what_the_program_prints(run: subprocess.CompletedProcess[str]) -> None:
    shown = lines("\n".join(blocks(STEPS)))
    printed = lines(run.stdout)
    assert len(shown) == len(printed)
    for said, is_ in zip(shown, printed, strict=True):
        # Two guesses of nearly equal probability may change places, hence the sorting.
        assert sorted(NUMBER.sub("#", said).split()) == sorted(NUMBER.sub("#", is_).split())
        pairs = zip(NUMBER.findall(said), NUMBER.findall(is_), strict=True)
        for old, new in pairs:
            values = [float(n.strip("%").replace(",", "")) for n in (old, new)]
            assert values[0] == pytest.approx(values[1], abs=tolerance(old) + 1e-9), (said, is_)


def test_the_readme_claims_about_the_table_hold(run: subprocess.CompletedProcess[str]) -> None:
    found = re.search(r"the word itself +([\d.]+) +([\d.]+) +([\d.]+)", run.stdout)
    assert found is not None
    all_mask, three_way, ideal = map(float, found.groups())
    assert all_mask < 0.5 < three_way < ideal < 1  # "less than half, on average"
    untrained = figure(run.stdout, r"\n +0 +([\d.]+)\n")
    assert untrained > figure(run.stdout, r"blind guess among 25 ids +([\d.]+)")
    assert "1.00             0.50" in run.stdout  # "counting is left to guess"


def test_the_lesson_is_as_short_as_it_says() -> None:
    """Its own steps, without the exercises, which are written with the package."""
    assert "in under a thousand lines of plain Python and PyTorch" in re.sub(r"\s+", " ", README)
    files = re.findall(r"^\| `code/(\w+\.py)` \|(?! exercise| what both)", STEPS, re.M)
    assert len(files) == 6
    texts = [(LESSON / "code" / name).read_text() for name in (*files, "checks.py")]
    assert sum(len(text.splitlines()) for text in texts) < 1000
    assert not any(re.search(r"^(import|from) unmask", text, re.M) for text in texts)


def test_every_paper_cited_is_listed() -> None:
    text, papers = README.split("## Papers")
    skill = (LESSON / "outputs" / "skill-bert-finetuner.md").read_text()
    listed = set(re.findall(r"^- (\w[\w ]*?) (?:et al\. )?(\d{4}),", papers, re.M))
    together = re.sub(r"\s+", " ", text + skill)
    cited = set(re.findall(r"([A-Z]\w+(?: Breton)?) et al\.,? (\d{4})", together))
    cited = {("Le Breton" if name == "Breton" else name, year) for name, year in cited}
    cited |= set(re.findall(r"of (Taylor) (\d{4})", together))
    cited |= set(re.findall(r"\((Pang and Lee) (\d{4})", together))
    assert cited == listed
    assert all("arXiv:" in line for line in papers.splitlines() if "et al." in line)
