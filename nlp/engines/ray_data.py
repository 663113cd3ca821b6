"""On a Ray cluster by way of Ray Data: for parts so small that they are told in a line, and fetched by whoever works.

In: parts, and what is made of one. Out: the results, in the order of the parts. Knows nothing of notices, and stands
beside ``ENGINES`` since it takes no items. Ray Data does a part again whose worker was lost, as often as that happens:
the work must leave the same behind each time, and itself count how often it was begun.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, TypeVar

from nlp.engines import Done, EngineError
from nlp.engines.ray import connected

Part = TypeVar("Part")


def run(parts: Iterable[Part], work: Callable[[Part], Iterable[Done]], workers: int | None = None) -> Iterator[Done]:
    """What the work makes of each part: any number of results. What it raises is raised here. Raises EngineError.

    ``workers`` None: as many as the cluster has room for. Where this is run more than once, ``connected`` around it
    keeps one cluster for all.
    """
    rows = [{"part": pickle.dumps(part)} for part in parts]
    if not rows:
        return
    with connected(workers):
        data = _ray_data()
        told = data.from_items(rows, override_num_blocks=len(rows))
        told.context.enable_progress_bars = False
        told.context.execution_options.preserve_order = True
        pool = data.TaskPoolStrategy(size=min(workers or len(rows), len(rows)))
        how = {"batch_size": None, "batch_format": "pyarrow", "compute": pool, "num_cpus": 1}
        found = told.map_batches(_far, fn_args=(work,), **how)
        for batch in found.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow"):
            for done, error in map(pickle.loads, batch["done"].to_pylist()):
                if error is not None:
                    raise error
                yield done


def _ray_data() -> Any:
    try:
        data = import_module("ray.data")
    except ImportError as error:
        raise EngineError(f"Ray Data 用不了（{error}）。请先运行 pip install 'wenze[ray]'") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return data


def _far(batch: Any, work: Callable[[Any], Iterable[Any]]) -> Iterator[dict[str, list[bytes]]]:
    """Where the work is done; an error travels as a result, since Ray Data would put words of its own into it."""
    for part in batch["part"].to_pylist():
        try:
            for done in work(pickle.loads(part)):
                yield {"done": [pickle.dumps((done, None))]}
        except Exception as error:
            yield {"done": [pickle.dumps((None, error))]}
