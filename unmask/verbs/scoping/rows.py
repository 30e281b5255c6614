"""The rows of a scoped task: those to learn from, and those to measure with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unmask.errors import DataError
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.material import CLASSED, Material, MaterialTask, read_material
from unmask.verbs.scoping import rules
from unmask.verbs.tasks.labelled_data import check_known

DEV_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class ScopedRows:
    """The rows of the files, and which are for what.

    Attributes:
        data, dev: the files; the same where a share is held out.
        train, measured: the rows of each.
        share: that is held out; where there is a dev file, the usual one.
        told: what was read from where.
    """

    data: Material
    dev: Material
    train: list[int]
    measured: list[int]
    share: float
    told: tuple[str, ...]

    @classmethod
    def read(
        cls,
        data: str | Path,
        dev: str | Path | None,
        task: MaterialTask,
        settings: TuneData,
        seed: int,
    ) -> ScopedRows:
        """Read them, or hold out a share.

        Raises:
            DataError, CorruptText: they cannot be read, say one label, or none can be held out.
            LabelMismatch: the dev rows have labels that the others lack.
        """
        whole = read_material(data, task, settings)
        _check_several(whole)
        every = list(range(len(whole)))
        if dev is not None:
            other = read_material(dev, task, settings)
            if whole.says in CLASSED:
                check_known(whole.names, other.names, "training data", other.name)
            told = (whole.told, other.told)
            return cls(whole, other, every, list(range(len(other))), DEV_SHARE, told)
        share = rules.share_for(whole, DEV_SHARE, seed)
        held = set(whole.held_out(share, seed))
        rest = [row for row in every if row not in held]
        return cls(whole, whole, rest, sorted(held), share, (whole.told,))

    @property
    def separate(self) -> bool:
        """Whether there is a dev file."""
        return self.dev is not self.data


def _check_several(rows: Material) -> None:
    """Refuse what nothing can be learnt from, as `unmask finetune` does.

    Raises:
        DataError: all rows say the same.
    """
    if rows.says in ("label", "labels") and len(rows.names) < 2:
        raise DataError(
            f"a classifier needs two or more labels to tell apart, but {rows.name} has only "
            f"{', '.join(map(repr, rows.names)) or 'empty lists'}; add rows of another label"
        )
