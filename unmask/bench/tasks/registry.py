"""All tasks, by name; a further one is a file of its own and a line here."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.bench.tasks.answer import ANSWER
from unmask.bench.tasks.classify import CLASSIFY
from unmask.bench.tasks.embed import EMBED
from unmask.bench.tasks.rerank import RERANK
from unmask.bench.tasks.tag import TAG
from unmask.bench.tasks.task import TaskRow
from unmask.errors import ConfigError

TASKS: dict[str, TaskRow] = {
    task.name: task for task in (*CLASSIFY, *TAG, *ANSWER, *EMBED, *RERANK)
}


def chosen(names: Sequence[str]) -> list[TaskRow]:
    """The tasks of these names, in the table's order; all without names.

    Raises:
        ConfigError: there is none of that name.
    """
    if unknown := [name for name in names if name not in TASKS]:
        raise ConfigError(f"there is no task {unknown[0]!r}; there are: {', '.join(TASKS)}")
    return [task for task in TASKS.values() if not names or task.name in names]
