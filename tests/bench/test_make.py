"""`make bench` installs one peer after the other; `make time-to-loss` asks for texts first."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
ROOT = Path(__file__).parents[2]
# As `python -m venv` it makes an interpreter that writes down what it is asked for and fails where
# that is OpenVINO.
PYTHON = """#!/bin/sh
mkdir -p .venv-bench/bin
cat > .venv-bench/bin/python <<'END'
#!/bin/sh
echo "$@" >> asked
case "$*" in *bench-openvino*) exit 1;; esac
END
chmod +x .venv-bench/bin/python
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the targets need of one, and an interpreter that only takes notes."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "python").write_text(PYTHON, "utf-8")
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "-C", str(folder), "PYTHON=./python", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def asked(folder: Path) -> list[str]:
    path = folder / "asked"
    return path.read_text("utf-8").splitlines() if path.is_file() else []


def test_a_peer_that_cannot_be_installed_leaves_the_others(checkout: Path) -> None:
    done = make(checkout, "bench", "ARGS=embed")
    assert done.returncode == 0
    assert "openvino cannot be installed here" in done.stderr
    extras = [found[1] for line in asked(checkout) if (found := re.search(r"\[(.*)\]", line))]
    assert extras == [
        *("bench-texts", "bench-transformers", "bench-sentence-transformers"),
        *("bench-onnxruntime", "bench-openvino", "bench-nncf", "bench-setfit"),
    ]
    assert asked(checkout)[-1] == "-m unmask bench --work runs/bench embed"


def test_every_extra_that_is_installed_is_declared_and_in_the_whole() -> None:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = said["project"]["optional-dependencies"]
    whole = {name for one in extras["bench"] for name in one[len("unmask[") : -1].split(",")}
    peers = re.search(r"^PEERS = (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert peers is not None
    assert whole == {f"bench-{name}" for name in ("texts", *peers[1].split())} <= set(extras)


@pytest.mark.parametrize("arguments", ["", "--text a.txt", "--minutes 1"])
def test_time_to_loss_asks_for_texts_before_it_installs(checkout: Path, arguments: str) -> None:
    done = make(checkout, "time-to-loss", f"ARGS={arguments}")
    assert done.returncode == 2
    assert "--text train.txt --held-out valid.txt" in done.stderr
    assert not (checkout / ".venv-bench").exists()


@pytest.mark.parametrize("arguments", ["--held-out b --text a", "--help"])
def test_time_to_loss_goes_on_with_texts(checkout: Path, arguments: str) -> None:
    assert make(checkout, "time-to-loss", f"ARGS={arguments}").returncode == 0
    assert asked(checkout)[-1].endswith(f"--work runs/time-to-loss {arguments}")
