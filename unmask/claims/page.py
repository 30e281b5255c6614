"""Claims and what they came to, as a page of Markdown with a picture for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os.path import relpath
from pathlib import Path
from statistics import mean, median

from unmask.checkpoint.durable import write_file
from unmask.claims.metrics import METRICS, QUANTITIES, TIMES
from unmask.claims.recipe import Claim, all_claims, claim_from
from unmask.claims.results import WARNED, ClaimResult, EffectFound, load_result
from unmask.errors import ConfigError
from unmask.report.charts import standalone
from unmask.report.intervals import Interval, intervals

APART = 0.05  # share by which arms may differ in what they are matched by without a word
NOT_TESTABLE, NOT_RUN = "not testable here", "not run yet"
HEAD = """\
# The field's claims, measured

What the literature says about these models, asked of models of two layers that a laptop trains in
minutes. Each claim is a recipe in `unmask/claims/recipes`; `unmask claims run NAME --data FOLDER`
trains its arms and measures it. The page is written from stored results by `unmask claims report`.

An effect is the mean over paired seeds: both arms begin with the same random numbers, read the
same text in the same order, and are measured alike. Above zero is in favour of the arm that is
named first; where one arm alone is named, its own figure counts, below zero if less of it is
better. Claims on speed are ratios of seconds, of rounds in which both ran one behind the
other. The interval is Student's, at 95 %, over seeds: it says how training varies, and not how
another choice of rows to test on would, since all seeds are asked the same ones. A claim *holds*
where the whole interval lies beyond the line that the claim draws, *does not hold* where it lies
before it, and is *undecided at this scale* otherwise; then stands there the distance from the line
that four of five such runs would have told. Where a claim is asked in several ways it holds only
if it does in all of them, and does not if it fails in one: the rows say in which.
Verdicts are about models of this size on this text, at the learning rates that are named, and not
about the sizes that the papers speak of.

Minutes are of training, the median over seeds. They and the hours of one core were counted on a
machine that other work shared at times; what an arm cost is told by its operations.
"""
_SAYS = {"undecided": "undecided at this scale"}


def page(claims: Mapping[str, Claim], results: Mapping[str, ClaimResult], pictures: str) -> str:
    """The whole page.

    Args:
        claims: all, in their order.
        results: those that were run, by name.
        pictures: their folder, as the page names it.
    """
    rows = ["| claim | source | verdict |", "|---|---|---|"]
    rows += [
        f"| [{claim.sentence}](#{name}) | {claim.source} | {_verdict(claim, results.get(name))} |"
        for name, claim in claims.items()
    ]
    parts = [HEAD, "\n".join(rows) + "\n"]
    parts += [_section(claim, results.get(name), pictures) for name, claim in claims.items()]
    trained = [one for name, one in results.items() if claims[name].arms]
    hours = sum(one.hours for one in trained)
    if trained:
        where = " and ".join(dict.fromkeys(map(_ran_on, trained)))
        parts.append(
            f"Training and measuring took {hours:.1f} hours of one core in all (arms that two "
            f"claims share are counted in both), on {where}.\n"
        )
    return "\n".join(parts)


def _ran_on(result: ClaimResult) -> str:
    told = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    return f"{result.processor} with {told}"


def _verdict(claim: Claim, result: ClaimResult | None) -> str:
    if claim.untestable is not None:
        return NOT_TESTABLE
    return NOT_RUN if result is None else f"**{_SAYS.get(result.says, result.says)}**"


def _section(claim: Claim, result: ClaimResult | None, pictures: str) -> str:
    """One claim: what was compared, and what came out."""
    lines = [f"## {claim.name}", "", f"> {claim.sentence} ({claim.source})", ""]
    if claim.untestable is not None:
        return "\n".join([*lines, f"Not testable here: {claim.untestable}", ""])
    if claim.note:
        # What a note says of tokens and operations is of arms that are matched as the claim says.
        other = result is not None and claim.arms and result.matched != claim.matched
        lines += [
            f"With arms matched by {claim.matched}: {claim.note}" if other else claim.note,
            "",
        ]
    if result is None:
        return "\n".join([*lines, "Not run yet.", ""])
    lines += [f"Verdict: {_verdict(claim, result)}. {_matched(claim, result)}", ""]
    for file in _drawn(claim, result):
        lines += [f"![{claim.sentence}]({pictures}/{file})", ""]
    lines += ["| effect | mean | 95 % interval | to pass | verdict |", "|---|---|---|---|---|"]
    lines += [_effect(effect) for effect in result.effects]
    return "\n".join([*lines, "", *(_arms(result) if claim.arms else _times(result)), ""])


def _matched(claim: Claim, result: ClaimResult) -> str:
    """What arms have in common, and how much of the rest they took."""
    seeds = len(next(iter(result.arms.values())))
    if claim.measure is not None:
        return (
            f"{seeds} rounds of `unmask bench {claim.measure}`, {result.date}, on "
            f"{result.processor}."
        )
    return (
        f"{seeds} seeds, arms matched by {result.matched}{_apart(result)}; {result.hours:.1f} "
        f"hours of one core, {result.date}."
    )


def _apart(result: ClaimResult) -> str:
    """How far the arms that are compared are from having equally much, where it can be seen."""
    if result.matched == "parameters":
        return ""
    compared = {name for one in result.effects for name in (one.of, one.against)}
    each = [
        mean(one[result.matched] for one in figures)
        for name, figures in result.arms.items()
        if name in compared
    ]
    if max(each) <= (1 + APART) * min(each):
        return ""
    return f", of which the most has {max(each) / min(each):.2f} times as much as the least"


def _effect(effect: EffectFound) -> str:
    if effect.metric == TIMES:
        return (
            f"| {told(effect)} | {effect.mean:.2f} × | {effect.low:.2f} to {effect.high:.2f} | "
            f"{effect.beyond:g} | {effect.says} |"
        )
    interval = "none" if effect.low is None else f"{effect.low:+.4f} to {effect.high:+.4f}"
    says = effect.says
    if says == "undecided" and effect.resolves is not None:
        says = f"undecided; {effect.resolves:.4f} could have been told"  # type: ignore[assignment]
    return f"| {told(effect)} | {effect.mean:+.4f} | {interval} | {effect.beyond:+g} | {says} |"


def told(effect: EffectFound) -> str:
    """What an effect compares, in words."""
    return f"{_arms_of(effect)}: {_what(effect)}"


def _what(effect: EffectFound) -> str:
    what = QUANTITIES[effect.metric].what
    return (
        what if effect.minus is None else f"{what}, less that of: {QUANTITIES[effect.minus].what}"
    )


def _arms_of(effect: EffectFound) -> str:
    return effect.of if effect.against is None else f"{effect.of} over {effect.against}"


def _arms(result: ClaimResult) -> list[str]:
    """Means of each arm's figures."""
    names = sorted(
        name for name in METRICS if all(name in one for arm in result.arms.values() for one in arm)
    )
    head = ["arm", *(METRICS[name].what for name in names), "tokens", "TFLOP", "minutes"]
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, figures in result.arms.items():
        cells = [f"{mean(one[metric] for one in figures):.4f}" for metric in names]
        cells += [
            f"{mean(one['tokens'] for one in figures) / 1e6:.2f} M",
            f"{mean(one['flops'] for one in figures) / 1e12:.1f}",
            f"{median(one['seconds'] for one in figures) / 60:.1f}",
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    for name, figures in result.arms.items():
        if warned := sum(one.get(WARNED, 0.0) for one in figures):
            rows += ["", f"Training warned of a collapse in {warned:.0f} of {len(figures)} runs of "
                     f"{name}: what is compared with it says little."]  # fmt: skip
    return rows


def _times(result: ClaimResult) -> list[str]:
    """Median seconds of each row of a benchmark."""
    rows = [
        f"| {name} | {median(one['seconds'] for one in rounds):.3f} |"
        for name, rounds in result.arms.items()
    ]
    return ["| what | seconds a round |", "|---|---|", *rows]


def pictures_of(claim: Claim, result: ClaimResult) -> dict[str, str]:
    """The effects of a claim as SVG by the name of the file."""
    title = f"{claim.name}: {_SAYS.get(result.says, result.says)}"
    return {
        file: standalone(intervals(_rows(claim, effects), title=title, unit=_axis(claim, effects)))
        for file, effects in _drawn(claim, result).items()
    }


def _drawn(claim: Claim, result: ClaimResult) -> dict[str, list[EffectFound]]:
    """The effects of each picture by its file: one for each unit, since an axis has one. Those
    without an interval are left out."""
    units = dict.fromkeys(_unit(one) for one in result.effects)
    found = {}
    for unit in units:
        name = claim.name if len(units) == 1 else f"{claim.name}-{unit}"
        bounded = [one for one in result.effects if _unit(one) == unit and one.low is not None]
        if bounded:
            found[f"{name}.svg"] = bounded
    return found


def _rows(claim: Claim, effects: Sequence[EffectFound]) -> list[Interval]:
    form = ".3g" if claim.measure else "+.3g"
    rows = []
    for name, one in zip(_names(effects), effects, strict=True):
        assert one.low is not None
        assert one.high is not None
        written = f"{one.mean:{form}} {_unit(one)}"
        rows.append(
            Interval(name, one.mean, one.low, one.high, one.differences, one.beyond, written)
        )
    return rows


def _unit(effect: EffectFound) -> str:
    return QUANTITIES[effect.metric].unit


def _names(effects: Sequence[EffectFound]) -> list[str]:
    """What tells effects apart: the arms, or what is measured, or both."""
    arms = [_arms_of(one) for one in effects]
    what = [_what(one) for one in effects]
    for names in (arms, what):
        if len(set(names)) == len(names):
            return names
    return [told(one) for one in effects]


def _axis(claim: Claim, effects: Sequence[EffectFound]) -> str:
    """What the numbers are; of one measure, which."""
    unit = _unit(effects[0])
    difference = unit if claim.measure else f"difference, {unit}"
    what = {_what(one) for one in effects}
    return f"{what.pop()}: {difference}" if len(what) == 1 else difference


def write_page(results: Path, path: Path, pictures: Path, own: Sequence[Path] = ()) -> None:
    """The page and its pictures, from a folder of results.

    Args:
        results: a JSON file for each claim that was run.
        path, pictures: of the page, and of the folder of its pictures.
        own: files of claims that are not the package's.

    Raises:
        ConfigError: there is no such folder, it has no result, or that of a claim nobody named.
    """
    stored = {one.stem: one for one in sorted(results.glob("*.json"))}
    if not stored:
        raise ConfigError(
            f"a page is written from a folder of results, and {results} holds none; check the "
            "path, or run claims first: unmask claims run"
        )
    claims = {**all_claims(), **{claim.name: claim for claim in map(claim_from, own)}}
    if unknown := [name for name in stored if name not in claims]:
        raise ConfigError(
            f"{stored[unknown[0]]} is a result of a claim that is not of this package; give the "
            "file that says it, unmask claims report CLAIM.toml, or move the result elsewhere"
        )
    found = {name: load_result(stored[name]) for name in claims if name in stored}
    for name, result in found.items():
        for file, drawn in pictures_of(claims[name], result).items():
            pictures.mkdir(parents=True, exist_ok=True)
            write_file(pictures / file, drawn.encode())
    write_file(path, page(claims, found, relpath(pictures, path.parent)).encode())
