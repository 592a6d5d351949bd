"""A loader as PyTorch's: worker processes that take indices from a queue and send samples back.

``loader.py <folder> <fork|spawn|forkserver> <epochs>`` prints ``right`` where every sample was, in
each epoch.  The parent reads with threads while its workers start and run, as a training loop does.
"""

from __future__ import annotations

import multiprocessing
import sys
import threading
import warnings
from typing import Any

import numpy as np

import tegula as ts

SAMPLES, SIZE, WORKERS = 48, 64, 3


def truth() -> Any:
    return np.random.default_rng(1).integers(0, 1000, (SAMPLES, SIZE, SIZE), np.int32)


class Volumes:
    """A data set whose handles were opened by the parent and go to the workers as they are."""

    def __init__(self, images: Any, labels: Any, kvstore: Any, spec: Any) -> None:
        self.images, self.labels, self.kvstore, self.spec = images, labels, kvstore, spec

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, number: int) -> tuple[Any, int, bool, int]:
        image = self.images[number].read().result()
        label = int(self.labels[number].read().result())
        there = "zarr.json" in self.kvstore
        again = ts.open(self.spec, read=True).result()[number, 0, 0].read().result()
        return image, label, there, int(again)


def work(dataset: Volumes, indices: Any, samples: Any) -> None:
    while (batch := indices.get()) is not None:
        samples.put([(number, dataset[number]) for number in batch])


def epoch(context: Any, dataset: Volumes, data: Any) -> None:
    indices, samples = context.Queue(), context.Queue()
    workers = [
        context.Process(target=work, args=(dataset, indices, samples), daemon=True) for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    batches = np.array_split(np.random.default_rng().permutation(SAMPLES), 12)
    for batch in batches:
        indices.put([int(number) for number in batch])
    seen = set()
    for _ in batches:
        for number, (image, label, there, again) in samples.get(timeout=60):
            assert np.array_equal(image, data[number])
            assert (label, there, again) == (number * 7, True, data[number, 0, 0])
            seen.add(number)
    assert len(seen) == SAMPLES
    for _ in workers:
        indices.put(None)
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0, worker.exitcode


def main(folder: str, method: str, epochs: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)
    data = truth()
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{folder}/images/"}}
    layout = ts.ChunkLayout(chunk_shape=[1, 32, 32])
    images = ts.open(spec, create=True, dtype="int32", shape=data.shape, chunk_layout=layout).result()
    images.write(data).result()
    pooled = ts.open({**spec, "context": {"cache_pool": {"total_bytes_limit": 1 << 20}}}).result()
    labels = ts.array(np.arange(SAMPLES) * 7)
    dataset = Volumes(pooled, labels, images.kvstore, images.spec())
    over = threading.Event()

    def busy() -> None:
        while not over.is_set():
            assert np.array_equal(images[3:9].read().result(), data[3:9])

    threads = [threading.Thread(target=busy, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context(method)
    for _ in range(epochs):
        epoch(context, dataset, data)
    over.set()
    for thread in threads:
        thread.join(30)
    print("right")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
