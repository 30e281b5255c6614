"""Models by name from the Hugging Face Hub, through its client library and its cache.

Only the files that a model is made of are fetched. They stay in the library's cache, from which
they open without a network. Where the cache and the Hub are, and whether the network may be used,
the library reads from its own variables (`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`).
"""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from unmask.checkpoint.formats import CONFIG
from unmask.checkpoint.modelfiles import files_of_model
from unmask.checkpoint.origin import Origin
from unmask.errors import CheckpointError, ModelError

# The library has the last word; this spares paths that are no names the wait for its import.
_SHAPE = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*", re.ASCII)


def is_name(text: str) -> bool:
    """Whether a text could be the name of a model on the Hub: `org/name`, or `name`."""
    if not _SHAPE.fullmatch(text):
        return False
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(text)
    except HFValidationError:
        return False
    return True


def fetch(
    name: str,
    revision: str | None = None,
    *,
    pickled: bool = False,
    endpoint: str | None = None,
    cache: str | Path | None = None,
) -> tuple[Path, Origin]:
    """The files of a model on the Hub, as a folder in the cache.

    What is cached is not fetched again. Without a network, a branch or tag is what it was when it
    was last fetched.

    Args:
        name: of the model, as `is_name` accepts it.
        revision: branch, tag or commit; None for the default branch.
        pickled: whether pickle weights are fetched where there are no others.
        endpoint: URL of the Hub; None for what the library says.
        cache: folder of the cache; None for what the library says.

    Returns:
        The folder, not to be changed, and which commit it is of.

    Raises:
        UnsupportedModel: the model's weights are in no safetensors file; none were fetched.
        ModelError: there is no such model or revision, it may not be read, or it is not cached
            and the Hub cannot be reached.
        CheckpointError: fetching broke off, or the cache cannot be written.
    """
    from huggingface_hub import constants, snapshot_download

    cache = Path(cache or constants.HF_HUB_CACHE)
    told = _Told(name, revision, endpoint or constants.ENDPOINT, cache)
    get: Any = partial(
        snapshot_download, name, cache_dir=cache, endpoint=endpoint, tqdm_class=_silent()
    )
    with told.explained([CONFIG]):
        # Finds out the commit and its list of files, in the cache where the Hub cannot be reached.
        folder = Path(get(revision=revision, allow_patterns=[CONFIG]))
    names, complete = _listed(name, folder, cache)
    wanted = files_of_model(names, name, pickled=pickled, complete=complete)
    if wanted is None:
        raise told.unreachable(["its weights"], "and the list of its files is not there either")
    if missing := [file for file in wanted if not (folder / file).exists()]:
        with told.explained(missing):
            get(revision=folder.name, allow_patterns=[glob.escape(file) for file in missing])
    return folder, Origin(name, revision, folder.name)


def _listed(name: str, folder: Path, cache: Path) -> tuple[Collection[str], bool]:
    """The files of the model at the folder's commit, and whether these are known to be all."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        tree = get_cached_repo_tree(name, revision=folder.name, cache_dir=cache)
    except CachedRepoTreeNotFoundError:
        # Older versions of the library, and those who fetch file by file, leave no list behind.
        files = (path for path in folder.rglob("*") if path.is_file())
        return [path.relative_to(folder).as_posix() for path in files], False
    return [file.path for file in tree], True


def _silent() -> Any:
    """A progress bar that draws nothing; a library does not write to its caller's terminal."""
    from huggingface_hub.utils.tqdm import tqdm

    return partial(tqdm, disable=True)


class _Told:
    """What is said where a model cannot be had."""

    def __init__(self, name: str, revision: str | None, endpoint: str, cache: Path) -> None:
        self.name, self.revision, self.endpoint, self.cache = name, revision, endpoint, cache

    @contextmanager
    def explained(self, files: list[str]) -> Iterator[None]:
        """Turn the library's errors into ours, while it fetches these files."""
        from huggingface_hub import errors

        try:
            yield
        except errors.GatedRepoError:
            raise ModelError(
                f"{self._both} is gated: its owner wants terms to be accepted first. Accept them "
                f"at {self.endpoint}/{self.name}, log in with `hf auth login`, and start again"
            ) from None
        except errors.RepositoryNotFoundError:
            raise ModelError(
                f"{self._both} does not exist, or is private. Check the spelling; for a private "
                "model log in with `hf auth login`"
            ) from None
        except errors.RevisionNotFoundError:
            raise ModelError(
                f"{self._both} has no revision {self.revision!r}. Give the name of a branch or a "
                f"tag, or a whole commit; {self.endpoint}/{self.name} lists them"
            ) from None
        except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
            raise self.unreachable(files, _reason(error)) from error
        except Exception as error:
            # The network's errors come from a third library, of another name in each version.
            raise CheckpointError(
                f"fetching {self.name} from {self.endpoint} broke off at {', '.join(files[:4])}: "
                f"{type(error).__name__}: {_line(error)}. Files that were fetched whole are kept; "
                "start again to fetch the rest"
            ) from error

    def unreachable(self, files: list[str], reason: str) -> ModelError:
        """The model is not cached, or not whole, and nothing can be fetched."""
        revision = "" if self.revision is None else f" --revision {self.revision}"
        held = (
            "is not in the cache" if files == [CONFIG]
            else f"is in the cache only in part, without {', '.join(files[:8])}"
        )  # fmt: skip
        return ModelError(
            f"{self._both} {held} ({self.cache}), {reason}. Where there is a network, run "
            f"`hf download {self.name}{revision}`; it fills the cache of that machine, and a copy "
            "of that cache serves here"
        )

    @property
    def _both(self) -> str:
        """How every one of these messages begins: both readings of what the user typed."""
        return f"{self.name} is no folder on this machine, and as a name on the Hub it"


def _reason(error: BaseException) -> str:
    """Why the Hub was not asked, or did not answer, out of the chain of errors."""
    from huggingface_hub import errors

    chain = [error]
    while (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    if any(isinstance(one, errors.OfflineModeIsEnabled) for one in chain):
        return "and the network is switched off by HF_HUB_OFFLINE"
    last = chain[1] if len(chain) > 1 else error
    return f"and the Hub cannot be reached ({type(last).__name__}: {_line(last)})"


def _line(error: BaseException) -> str:
    """An error's text on one line, and not the library's page of advice."""
    return " ".join(str(error).split())[:300]


def cached(cache: str | Path | None = None) -> list[Path]:
    """The folders of models in the library's cache, by name; whether they are whole is not known.

    Args:
        cache: folder of the cache; None for what the library says.
    """
    from huggingface_hub import constants

    snapshots = Path(cache or constants.HF_HUB_CACHE).glob(f"models--*/snapshots/*/{CONFIG}")
    return sorted(file.parent for file in snapshots)
