"""Decoding crops in batches, ahead of the network that waits for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from pointillist.crops import CropSpec
from pointillist.errors import DataError
from pointillist.samples import Crop, Sample, decode_sample

#: Batches that are decoded ahead of the network.
_AHEAD = 3


def decoded_batches(
    samples: Sequence[Sample], spec: CropSpec, batch_size: int, workers: int
) -> Iterator[tuple[Sequence[Sample], list[Crop | DataError]]]:
    """Batches of samples with their crops, or why there is none; the next ones decode meanwhile.

    Args:
        samples: what to decode, in order.
        spec: size and margin of the crops.
        batch_size: samples in a batch; the last one may be smaller.
        workers: threads that decode.
    """

    def decode(sample: Sample) -> Crop | DataError:
        try:
            return decode_sample(sample, spec)
        except DataError as error:
            return error

    chunks = deque(samples[i : i + batch_size] for i in range(0, len(samples), batch_size))
    waiting: deque[tuple[Sequence[Sample], list[Future[Crop | DataError]]]] = deque()
    with ThreadPoolExecutor(max(1, workers)) as pool:
        while chunks or waiting:
            while chunks and len(waiting) < _AHEAD:
                chunk = chunks.popleft()
                waiting.append((chunk, [pool.submit(decode, sample) for sample in chunk]))
            chunk, futures = waiting.popleft()
            yield chunk, [future.result() for future in futures]
