from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core_cases import SKELETON, dots_dataset
from pointillist import loading
from pointillist.batch import Batch
from pointillist.crops import CropSpec
from pointillist.dataset import Dataset, Instance
from pointillist.errors import DataError
from pointillist.loading import CropStore, InOrder, MixedBatches, Shuffled, make_loader
from pointillist.samples import Sample, labeled_samples, unlabeled_samples

SPEC = CropSpec(32, 24, margin=1.5, context=1.25)


def same(a: Batch, b: Batch) -> bool:
    pairs = [(vars(a)[name], vars(b)[name]) for name in vars(a)]
    return all(
        np.array_equal(x.numpy(), y.numpy(), equal_nan=x.is_floating_point()) for x, y in pairs
    )


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return dots_dataset(tmp_path / "data", 6, labeled=4)


def samples_of(data: Dataset) -> list[Sample]:
    return labeled_samples(data) + unlabeled_samples(data.subset(data.unlabeled))


# -- which sample is in which batch ----------------------------------------------------------


@given(size=st.integers(1, 9), start=st.integers(0, 40), count=st.integers(0, 40))
def test_any_stretch_of_the_endless_list(size: int, start: int, count: int) -> None:
    shuffled = Shuffled(np.arange(size) * 10, seed=3, stream=1)
    whole = shuffled.take(0, start + count)
    assert np.array_equal(shuffled.take(start, count), whole[start:])


@given(size=st.integers(1, 9), epochs=st.integers(1, 4))
def test_every_position_once_an_epoch(size: int, epochs: int) -> None:
    positions = [3 * i + 2 for i in range(size)]
    taken = Shuffled(positions, seed=0, stream=0).take(0, size * epochs)
    for epoch in taken.reshape(epochs, size):
        assert sorted(epoch.tolist()) == positions


def test_orders_differ_by_epoch_seed_and_stream() -> None:
    def order(seed: int, stream: int, start: int) -> tuple[int, ...]:
        return tuple(Shuffled(range(30), seed, stream).take(start, 30).tolist())

    orders = [order(0, 0, 0), order(0, 0, 30), order(1, 0, 0), order(0, 1, 0)]
    assert len(set(orders)) == 4


LABELED = np.array([True] * 5 + [False] * 7)


def test_so_many_labelled_then_so_many_unlabelled() -> None:
    batches = list(MixedBatches(LABELED, (3, 2), 35, seed=0))
    assert len(batches) == 35
    for batch in batches:
        assert len(batch) == 5
        assert all(i < 5 for i in batch[:3])
        assert all(i >= 5 for i in batch[3:])
    # 35 steps of 3 are 21 epochs of 5; 35 of 2 are 10 epochs of 7.
    counts = Counter(i for batch in batches for i in batch)
    assert [counts[i] for i in range(12)] == [21] * 5 + [10] * 7


@pytest.mark.parametrize(
    ("labeled", "per_step", "size"),
    [(LABELED, (4, 0), 4), (LABELED[:5], (4, 2), 4), (LABELED, (0, 2), 2)],
)
def test_a_kind_that_is_not_there_or_not_wanted(
    labeled: np.ndarray, per_step: tuple[int, int], size: int
) -> None:
    assert {len(b) for b in MixedBatches(labeled, per_step, 9, seed=0)} == {size}


def test_from_a_step_on_there_are_others() -> None:
    """The lists go on where they were: of 7 unlabelled samples each is seen as often as another."""
    batches = list(MixedBatches(LABELED, (3, 2), 31, seed=0, later=[(10, (1, 4))]))
    assert [sum(i < 5 for i in batch) for batch in batches] == [3] * 10 + [1] * 21
    assert [len(batch) for batch in batches] == [5] * 31
    # 10 x 3 + 1 x 20 are 10 epochs of 5, and one more; 10 x 2 + 21 x 4 = 104 are 15 of 7 but for 1.
    counts = Counter(i for batch in batches[:-1] for i in batch)
    assert [counts[i] for i in range(5)] == [10] * 5
    counts = Counter(i for batch in batches for i in batch)
    assert sorted(counts[i] for i in range(5, 12)) == [14] + [15] * 6
    for start in (4, 10, 17):
        rest = MixedBatches(LABELED, (3, 2), 31, seed=0, later=[(10, (1, 4))], start=start)
        assert list(rest) == batches[start:]


def test_it_changes_more_than_once() -> None:
    later = [(4, (1, 4)), (9, (2, 6))]
    batches = list(MixedBatches(LABELED, (3, 2), 15, seed=0, later=later))
    labeled = [sum(i < 5 for i in batch) for batch in batches]
    assert labeled == [3] * 4 + [1] * 5 + [2] * 6
    assert [len(batch) for batch in batches] == [5] * 9 + [8] * 6
    # No sample is left out or seen twice at a change: 12 + 5 + 12 of 5, and 8 + 20 + 36 of 7.
    counts = Counter(i for batch in batches for i in batch)
    assert sorted(counts[i] for i in range(5)) == [5] + [6] * 4
    assert sorted(counts[i] for i in range(5, 12)) == [9] * 6 + [10]
    for start in (4, 6, 9, 12):
        rest = MixedBatches(LABELED, (3, 2), 15, seed=0, later=later, start=start)
        assert list(rest) == batches[start:]


def test_a_resumed_training_goes_on_in_the_list() -> None:
    whole = list(MixedBatches(LABELED, (3, 2), 20, seed=4))
    rest = MixedBatches(LABELED, (3, 2), 20, seed=4, start=13)
    assert list(rest) == whole[13:]
    assert list(rest) == whole[13:]  # again, as every iteration begins at the start


def test_processes_see_together_what_one_with_the_bigger_batch_sees() -> None:
    def batches(rank: int, world: int) -> Iterator[list[int]]:
        counts, later = [(3, 2), (1, 4)] if world > 1 else [(6, 4), (2, 8)]
        return iter(
            MixedBatches(LABELED, counts, 15, seed=1, later=[(9, later)], rank=rank, world=world)
        )

    for step, (whole, first, second) in enumerate(
        zip(batches(0, 1), batches(0, 2), batches(1, 2), strict=True)
    ):
        of_one, of_each = (6, 3) if step < 9 else (2, 1)
        assert Counter(whole[:of_one]) == Counter(first[:of_each]) + Counter(second[:of_each])
        assert Counter(whole[of_one:]) == Counter(first[of_each:]) + Counter(second[of_each:])


@given(count=st.integers(0, 40), size=st.integers(1, 7), world=st.integers(1, 4))
def test_validation_sees_everything_in_equally_many_lists(
    count: int, size: int, world: int
) -> None:
    ranks = [list(InOrder(count, size, rank=r, world=world)) for r in range(world)]
    assert len({len(lists) for lists in ranks}) == 1
    assert len(ranks[0]) == len(InOrder(count, size, world=world))
    assert all(0 < len(part) <= size for lists in ranks for part in lists)
    seen = Counter(i for lists in ranks for part in lists for i in part)
    assert set(seen) == set(range(count))
    if count >= world and size > 1:
        assert set(seen.values()) <= {1}
    assert all(part == sorted(part) for lists in ranks for part in lists)


# -- decoding and caching ---------------------------------------------------------------------


def test_a_batch_by_hand(data: Dataset) -> None:
    store = CropStore(samples_of(data), 3, SPEC, cache="none")
    batch = store[[2, 5]]
    assert batch.images.shape == (2, 3, 30, 40)
    assert batch.images.dtype == torch.uint8
    assert batch.size == (40, 30)
    assert batch.labeled.tolist() == [True, False]
    assert batch.index.tolist() == [2, 5]
    assert batch.file_size.tolist() == [[60, 44], [60, 44]]
    assert batch.annotated.tolist() == [[True] * 3, [False] * 3]
    assert batch.points[1].isnan().all()
    # The points lead back to the file's.
    homogeneous = torch.cat([batch.points[0], torch.ones(3, 1)], dim=1)
    in_file = (homogeneous @ batch.to_file[0].T)[:, :2]
    torch.testing.assert_close(
        in_file, torch.tensor(data[2].instances[0].points, dtype=torch.float32), rtol=0, atol=1e-4
    )


def test_a_point_that_is_not_annotated_stays_nan(data: Dataset) -> None:
    known = data[0].instances[0]
    data[0].instances[0] = Instance(known.points, np.array([2, 0, 1]))
    batch = CropStore(labeled_samples(data), 3, SPEC)[[0]]
    assert batch.annotated.tolist() == [[True, False, True]]
    assert batch.points[0, 1].isnan().all()
    assert batch.points[0, [0, 2]].isfinite().all()


def test_unlabelled_crops_never_carry_points(data: Dataset) -> None:
    """The labels of what is used as unlabelled may be anything: batches are the same."""
    whole = dots_dataset(data.root, 6)
    poisoned = replace(
        whole,
        images=[
            replace(
                image,
                instances=[
                    replace(i, points=1000.0 * np.ones((3, 2)), visibility=np.full(3, 1))
                    for i in image.instances
                ],
            )
            for image in whole
        ],
    )
    batches = [CropStore(unlabeled_samples(d), 3, SPEC)[list(range(6))] for d in (whole, poisoned)]
    assert same(*batches)
    assert not batches[0].labeled.any()
    assert not batches[0].annotated.any()
    assert batches[0].points.isnan().all()


def test_caches_give_what_decoding_gives(data: Dataset, tmp_path: Path) -> None:
    stores = [
        CropStore(samples_of(data), 3, SPEC, cache=kind, folder=tmp_path / "cache")  # type: ignore[arg-type]
        for kind in ("none", "memory", "disk")
    ]
    told: list[tuple[int, int]] = []
    for store in stores:
        store.fill(workers=2, progress=lambda done, of: told.append((done, of)))
    assert [store.filled for store in stores] == [False, True, True]
    assert told == [(i, 6) for i in range(1, 7)] * 2
    for rows in ([0, 1, 2], [5, 0, 5], [3]):
        plain, memory, disk = (store[rows] for store in stores)
        assert same(plain, memory)
        assert same(plain, disk)
    sizes = [f.stat().st_size for f in (tmp_path / "cache").glob("*.uint8")]
    assert sizes == [6 * 40 * 30 * 3]


def test_what_is_taken_from_a_cache_can_be_written_to(data: Dataset, tmp_path: Path) -> None:
    store = CropStore(samples_of(data), 3, SPEC, cache="disk", folder=tmp_path)
    store.fill()
    before = store[[1]].images.clone()
    store[[1]].images.zero_()
    assert torch.equal(store[[1]].images, before)


def test_auto_keeps_in_memory_what_fits(data: Dataset) -> None:
    size = 6 * 40 * 30 * 3 / 2**30
    stores = [CropStore(samples_of(data), 3, SPEC, limit_gib=size * x) for x in (1.01, 0.99)]
    assert [store.cache for store in stores] == ["memory", "none"]
    assert stores[0].cache_gib == pytest.approx(size)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were decoded."""
    names: list[str] = []
    decode = loading.decode_sample

    def counting(sample: Sample, spec: CropSpec) -> loading.Crop:
        names.append(sample.file.name)
        return decode(sample, spec)

    monkeypatch.setattr(loading, "decode_sample", counting)
    return names


def disk_store(data: Dataset, folder: Path, spec: CropSpec = SPEC) -> CropStore:
    store = CropStore(samples_of(data), 3, spec, cache="disk", folder=folder)
    store.fill(workers=1)
    return store


def test_a_cache_on_disk_is_used_again(data: Dataset, tmp_path: Path, decoded: list[str]) -> None:
    first = disk_store(data, tmp_path)[[0, 4]]
    assert len(decoded) == 6
    assert same(disk_store(data, tmp_path)[[0, 4]], first)
    assert len(decoded) == 6


def test_a_changed_file_or_crop_makes_a_new_cache(
    data: Dataset, tmp_path: Path, decoded: list[str]
) -> None:
    disk_store(data, tmp_path)
    file = data.file(data[3])
    cv2.imwrite(str(file), np.zeros((44, 60, 3), np.uint8))
    changed = disk_store(data, tmp_path)
    assert len(decoded) == 12
    assert changed[[3]].images[0, :, 15, 20].tolist() == [0, 0, 0]
    # The same size, another time of change.
    os.utime(file, ns=(1, 1))
    disk_store(data, tmp_path)
    assert len(decoded) == 18
    disk_store(data, tmp_path, replace(SPEC, margin=2.0))
    assert len(decoded) == 24


def test_half_a_cache_is_none(
    data: Dataset, tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed or failed half way, or with its large file cut short."""
    counting = loading.decode_sample

    def failing(sample: Sample, spec: CropSpec) -> loading.Crop:
        if len(decoded) == 3:
            raise DataError("gone", where=sample.file)
        return counting(sample, spec)

    monkeypatch.setattr(loading, "decode_sample", failing)
    with pytest.raises(DataError, match="gone"):
        disk_store(data, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    monkeypatch.setattr(loading, "decode_sample", counting)
    decoded.clear()
    first = disk_store(data, tmp_path / "cache")[[0, 5]]
    (large,) = (tmp_path / "cache").glob("*.uint8")
    large.write_bytes(large.read_bytes()[:-1])
    assert same(disk_store(data, tmp_path / "cache")[[0, 5]], first)
    assert len(decoded) == 12


def test_loaders(data: Dataset) -> None:
    store = CropStore(samples_of(data), 3, SPEC, cache="memory")
    expected = list(MixedBatches(store.labeled, (2, 1), 3, seed=0))
    decoding = make_loader(store, MixedBatches(store.labeled, (2, 1), 3, seed=0), workers=1)
    assert decoding.num_workers == 1
    batches = list(decoding)
    assert [batch.index.tolist() for batch in batches] == expected
    store.fill()
    # Nothing is left for workers to do.
    cached = make_loader(store, MixedBatches(store.labeled, (2, 1), 3, seed=0), workers=1)
    assert cached.num_workers == 0
    assert all(same(a, b) for a, b in zip(batches, cached, strict=True))


def test_an_unreadable_file_is_named(data: Dataset) -> None:
    data.file(data[1]).write_bytes(b"no image")
    store = CropStore(samples_of(data), 3, SPEC, cache="memory")
    with pytest.raises(DataError, match=r"001\.png"):
        store.fill()
    with pytest.raises(DataError, match=r"001\.png"):
        store[[1]]
    assert len(SKELETON) == store[[0]].points.shape[1]
