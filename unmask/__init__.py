"""Encoder-only language models of the BERT family, from raw text to a model that is put to use.

The public names below are loaded when they are first touched, so `import unmask` itself loads
neither torch nor numpy. Errors are in `unmask.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Answerer",
    "Batch",
    "Classifier",
    "Embedder",
    "Encoder",
    "FillMask",
    "Generator",
    "PairClassifier",
    "Regressor",
    "Reranker",
    "Tagger",
    "Tokenizer",
    "Vectors",
    "ZeroShot",
    "__version__",
    "benchmark",
    "convert",
    "doctor",
    "embed",
    "evaluate",
    "extend_tokenizer",
    "finetune",
    "info",
    "mine",
    "open_vectors",
    "pack",
    "predict",
    "pretrain",
    "probe",
    "quantize",
    "quickstart",
    "rerank",
    "scope",
    "search",
    "train_tokenizer",
]

if TYPE_CHECKING:
    from unmask.batches.batch import Batch
    from unmask.batches.pack import pack
    from unmask.bench.command import benchmark
    from unmask.pipelines.answer import Answerer
    from unmask.pipelines.classify import Classifier
    from unmask.pipelines.embed import Embedder
    from unmask.pipelines.encode import Encoder
    from unmask.pipelines.fill import FillMask
    from unmask.pipelines.generate import Generator
    from unmask.pipelines.pair import PairClassifier, ZeroShot
    from unmask.pipelines.quantized import Vectors, open_vectors, quantize
    from unmask.pipelines.regress import Regressor
    from unmask.pipelines.rerank import Reranker
    from unmask.pipelines.search import search
    from unmask.pipelines.tag import Tagger
    from unmask.tokens.tokenizer import Tokenizer
    from unmask.tour.quickstart import quickstart
    from unmask.verbs.convert import convert
    from unmask.verbs.doctor import doctor
    from unmask.verbs.embed import embed
    from unmask.verbs.evaluate import evaluate
    from unmask.verbs.extend import extend_tokenizer
    from unmask.verbs.finetune import finetune
    from unmask.verbs.info import info
    from unmask.verbs.mine import mine
    from unmask.verbs.predict import predict
    from unmask.verbs.pretrain import pretrain
    from unmask.verbs.probe import probe
    from unmask.verbs.rerank import rerank
    from unmask.verbs.scope import scope
    from unmask.verbs.tokenizer import train_tokenizer
else:
    # Hidden from type checkers, for whom a module-level __getattr__ makes every name exist.
    _HOMES = {
        "Answerer": "unmask.pipelines.answer",
        "Batch": "unmask.batches.batch",
        "Classifier": "unmask.pipelines.classify",
        "Embedder": "unmask.pipelines.embed",
        "Encoder": "unmask.pipelines.encode",
        "FillMask": "unmask.pipelines.fill",
        "Generator": "unmask.pipelines.generate",
        "PairClassifier": "unmask.pipelines.pair",
        "Regressor": "unmask.pipelines.regress",
        "Reranker": "unmask.pipelines.rerank",
        "Tagger": "unmask.pipelines.tag",
        "Tokenizer": "unmask.tokens.tokenizer",
        "Vectors": "unmask.pipelines.quantized",
        "ZeroShot": "unmask.pipelines.pair",
        "benchmark": "unmask.bench.command",
        "convert": "unmask.verbs.convert",
        "doctor": "unmask.verbs.doctor",
        "embed": "unmask.verbs.embed",
        "evaluate": "unmask.verbs.evaluate",
        "extend_tokenizer": "unmask.verbs.extend",
        "finetune": "unmask.verbs.finetune",
        "info": "unmask.verbs.info",
        "mine": "unmask.verbs.mine",
        "open_vectors": "unmask.pipelines.quantized",
        "pack": "unmask.batches.pack",
        "predict": "unmask.verbs.predict",
        "pretrain": "unmask.verbs.pretrain",
        "probe": "unmask.verbs.probe",
        "quantize": "unmask.pipelines.quantized",
        "quickstart": "unmask.tour.quickstart",
        "rerank": "unmask.verbs.rerank",
        "scope": "unmask.verbs.scope",
        "search": "unmask.pipelines.search",
        "train_tokenizer": "unmask.verbs.tokenizer",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})
