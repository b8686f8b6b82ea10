"""What the tests of the model share: recorded runs are in `reference.py`, a recorder that stands in
for CUDA graphs in `recording.py`, the real vocabulary in `qwen_vocabulary.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wall_oss_ros.model.tokenizer import Tokenizer

torch = pytest.importorskip("torch", reason="pip install 'wall_oss_ros[model]'")

sys.path.insert(0, str(Path(__file__).parent))  # for the modules named above
sys.path.append(str(Path(__file__).parents[1] / "core"))  # for sample_robot.py


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of Qwen2.5-VL's tokenizer, as a checkpoint folder holds them."""
    pytest.importorskip("transformers", reason="pip install 'wall_oss_ros[model]'")
    import qwen_vocabulary

    ranks = qwen_vocabulary.ranks_file()
    if ranks is None:
        # `make test` installs it (requirements/model-test.txt); one's own environment may lack it.
        pytest.skip("the vocabulary is in dashscope: pip install --no-deps dashscope")
    folder = tmp_path_factory.mktemp("tokenizer")
    qwen_vocabulary.write(folder, ranks)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    from wall_oss_ros.model.tokenizer import Tokenizer

    return Tokenizer.load(tokenizer_folder)


@pytest.fixture(scope="module", autouse=True)
def two_threads() -> Iterator[None]:
    """The same everywhere: the order of sums, and so the last digits, depends on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
