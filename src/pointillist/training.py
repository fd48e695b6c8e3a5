"""Training a keypoint detector, and continuing one that was interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint

from pointillist.allocation import keep_freed_memory
from pointillist.augment import ViewMaker
from pointillist.callbacks import MONITOR, KeepBestNetwork, KeepLast, Patience, TrainingProgress
from pointillist.conclusion import conclude
from pointillist.config import Config, TrainingOptions, make_config, validate
from pointillist.crops import CONTEXT, CropSpec
from pointillist.dataset import Dataset
from pointillist.devices import check_machine, lightning_options
from pointillist.errors import ConfigError, DataError, PointillistError
from pointillist.files import write_text
from pointillist.lightning_module import TrainingModule
from pointillist.loading import CropStore, InOrder, MixedBatches, make_loader
from pointillist.lock import FolderLock
from pointillist.logs import make_loggers, silence_lightning
from pointillist.methods import Method, Setting, get_method
from pointillist.methods.base import first_step
from pointillist.models.localizer import create_localizer
from pointillist.plan_report import plan_lines
from pointillist.planning import planned
from pointillist.poses import reach, turned_share
from pointillist.progress import counted, tell
from pointillist.run import Run
from pointillist.samples import Sample, labeled_samples, unlabeled_samples
from pointillist.skeleton import Skeleton
from pointillist.training_data import TrainingData, gather


class TrainingInterrupted(PointillistError):
    """The user stopped the training; what was done is saved."""

    exit_code = 130


def train(
    data: str | Path | Dataset | None = None,
    out: str | Path = "runs/run",
    *,
    format: str | None = None,
    images: str | Path | None = None,
    unlabeled: Sequence[str | Path | Dataset] = (),
    val: str | Path | Dataset | None = None,
    config: Config | None = None,
    flip_pairs: Sequence[tuple[str, str]] = (),
    missing_absent: bool | None = None,
    resume: bool = False,
    strict: bool = False,
    quiet: bool = False,
) -> Run:
    """Trains a keypoint detector.

    Args:
        data: a data set in any known layout or a folder that ``pointillist split`` wrote; images
            without annotation count as unlabelled. Not needed to resume.
        out: the run's folder.
        format: layout of ``data``; none: found out.
        images: folder below which files that have moved are looked for by name; for a run that
            is resumed, those of its split.
        unlabeled: more images without labels.
        val: what to validate on; none: the split's, else a share of the labelled images.
        config: every option; none: :func:`default_preset`.
        flip_pairs: (left, right) names, in place of the left-right pairs that the data has.
        missing_absent: whether points that lack in a labelled object are absent, and learnt as
            such; none: as the data means it, if the method learns that.
        resume: continue the run in ``out`` with its own config and split; one that has
            finished is left as it is.
        strict: an unreadable image is an error; otherwise it is reported and left out.
        quiet: no progress bar.

    Returns:
        the finished run.

    Raises:
        PointillistError: the data, an option or the folder does not fit.
        TrainingInterrupted: Ctrl-C or a signal to end; the run can be resumed.
    """
    out = Path(out)
    if _rank() > 0 and not resume:
        _wait_for(out / _READY)
        resume = True
    if resume:
        run = Run.open(out)
        if run.metrics.get("status") == "finished":
            return run
        built = _build(run.config, run.skeleton)
    else:
        if data is None:
            raise ConfigError("there is no data to train on", do="Name it, or use --resume.")
        config = config or make_config(preset=default_preset())
        method = get_method(config.method)
        if not method.learns_absence:
            if missing_absent:
                raise ConfigError(
                    f"'{config.method}' does not learn that points are absent",
                    do="Leave --missing-absent out, or train with auto.",
                )
            missing_absent = False
        parts = gather(
            data,
            format=format,
            images=images,
            unlabeled=unlabeled,
            val=val,
            flip_pairs=flip_pairs,
            missing_absent=missing_absent,
            seed=config.training.seed,
            strict=strict,
            quiet=quiet,
        )
        known = [sample.instance for sample in labeled_samples(parts.labeled) if sample.instance]
        others = unlabeled_samples(parts.unlabeled)
        # What no step asks for is not there.
        count = len(others) if config.training.unlabeled_per_step else 0
        given = config
        config = planned(
            config,
            len(known),
            count,
            lambda: turned_share(known),
            lambda: reach(known, given.input.width, given.input.height),
        )
        # Both before a wrong option leaves a folder behind.
        built = _build(config, parts.skeleton)
        check_machine(config.training, built[0].model)
        for line in (parts.counts(), *plan_lines(given, config, built[0], count)):
            tell(line, quiet)
        run = Run.create(out, config, parts.skeleton)
        parts.save(out / "split")
        if parts.usual is not None and not config.localize:
            parts.usual.save(run.usual_box_file)
        for line in parts.notes:
            tell(line, quiet)
        write_text(out / "notes.txt", "".join(f"{line}\n" for line in parts.notes))
        report = built[0].model.backbone.weights_report
        if report is not None:
            write_text(out / "weights.txt", f"{report.summary()}\n")
            tell(report.summary(), quiet)
        write_text(out / _READY, "".join(f"{line}\n" for line in parts.problems))
    # Two trainings that write to one run would spoil it; the processes of one training share it.
    lock = None if _rank() else FolderLock(
        out / "training.lock",
        busy="another training is writing to this run",
        do="Wait for it, or stop it.",
    )  # fmt: skip
    try:
        if run.config.localize and not run.box_finder_weights.exists():
            _localize(run, images, quiet)
        # Read back, as another process and a resumed training do: all see the same numbers.
        parts = TrainingData.open(out / "split", images)
        for line in parts.notes if resume and not _rank() else ():
            tell(line, quiet)
        fit(run, parts, *built, quiet=quiet)
    finally:
        if lock is not None:
            lock.release()
    return run


def _localize(run: Run, images: str | Path | None, quiet: bool) -> None:
    """Has the first process train the box finder and put boxes into the split."""
    if _rank() > 0:
        _wait_for(run.box_finder_weights, 24 * 3600)
        return
    from pointillist.boxes.preparation import prepare_boxes

    data = replace(TrainingData.open(run.path / "split", images), problems=run.problems)
    try:
        data = prepare_boxes(run, data, quiet=quiet)
    except SystemExit:  # Lightning's answer to Ctrl-C
        raise TrainingInterrupted(
            "stopped while learning to find boxes, which starts again",
            where=run.path,
            do=f"Continue with: pointillist train --resume -o {run.path}",
        ) from None
    write_text(run.path / _READY, "".join(f"{line}\n" for line in data.problems))


#: Written last when a run starts: the other processes of a distributed training wait for it.
_READY = "problems.txt"


def _rank() -> int:
    """0 in the first process of all: the launcher (Lightning, torchrun, SLURM) says so."""
    names = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return max(int(os.environ.get(name) or 0) for name in names)


def _wait_for(file: Path, seconds: float = 600) -> None:
    for _ in range(round(seconds * 5)):
        if file.exists():
            return
        time.sleep(0.2)
    raise DataError(f"the first process did not start a run within {seconds:.0f} s", where=file)


def fit(
    run: Run, data: TrainingData, method: Method, views: ViewMaker, *, quiet: bool = False
) -> None:
    """Trains what is left of a run, from its last checkpoint if it has one.

    Raises:
        ConfigError: this machine has not what the options ask for.
        DataError: there is nothing to train on, or a file cannot be read.
        TrainingInterrupted: Ctrl-C or a signal to end; the run can be resumed.
    """
    keep_freed_memory()
    begun = time.monotonic()
    options = run.config.training
    resumed = run.last_checkpoint if run.last_checkpoint.exists() else None
    start = _step_of(resumed)
    store, val_store = _stores(run, data, method)
    for kind, name in ((store, "decoding"), (val_store, "decoding validation")):
        with counted(name, len(kind), quiet) as progress:
            kind.fill(max(options.workers, 1), progress)
    tell(f"{len(store):,} crops, {store.where}", quiet)
    module = TrainingModule(method, run.config, views, _lengths(val_store), begun=begun)
    trainer = _trainer(run, method.model, start, validated=len(val_store) > 0, quiet=quiet)
    part = {"rank": trainer.global_rank, "world": trainer.world_size}
    batches = _batches(store, options, method, start, part)
    loader = make_loader(
        store,
        batches,
        workers=options.workers,
        pin_memory=trainer.strategy.root_device.type == "cuda",
    )
    val_loader = make_loader(
        val_store, InOrder(len(val_store), 64, **part), workers=options.workers
    )
    again = f"Continue with: pointillist train --resume -o {run.path}"
    try:
        with _stop_on_interrupt(module):
            trainer.fit(module, loader, val_loader if len(val_store) else None, ckpt_path=resumed)
    except SystemExit:  # Lightning's answer to a second Ctrl-C and to a signal to end
        raise TrainingInterrupted(
            f"stopped at once at step {module.global_step}", where=run.path, do=again
        ) from None
    if trainer.is_global_zero:
        conclude(run, module, (store, val_store), data)
    if module.interrupted:
        raise TrainingInterrupted(
            f"stopped at step {module.global_step}; everything is saved", where=run.path, do=again
        )


def _build(config: Config, skeleton: Skeleton) -> tuple[Method, ViewMaker]:
    """The method of a config with a fresh network (its backbone's weights loaded)."""
    L.seed_everything(config.training.seed, verbose=False)
    kind = get_method(config.method)
    options = validate(kind.Options, config.method_options, where="method_options")
    size = (config.input.width, config.input.height)
    # The layout that convolutions want, on CPUs with bf16 and on GPUs with tensor cores.
    model = create_localizer(config.model, len(skeleton)).to(memory_format=torch.channels_last)
    model.check_size(*size)
    views = ViewMaker(size, skeleton, model.mean, model.std)
    setting = Setting(
        views=views,
        view_options=config.views,
        sigma=config.input.sigma,
        skeleton=skeleton,
    )
    return kind(model, setting, options), views


def _stores(run: Run, data: TrainingData, method: Method) -> tuple[CropStore, CropStore]:
    options, size = run.config.training, run.config.input
    samples = labeled_samples(data.labeled)
    if method.uses_unlabeled and options.unlabeled_per_step:
        samples = samples + unlabeled_samples(data.unlabeled)
    if not any(sample.instance for sample in samples):
        raise DataError("all that is annotated here is crowds", where=data.labeled.root)

    def store(samples: list[Sample], context: float, detail: float = 1.0) -> CropStore:
        width, height = (round(side * detail) for side in (size.width, size.height))
        return CropStore(
            samples,
            len(data.skeleton),
            CropSpec(width, height, size.margin, context),
            cache=options.cache,
            limit_gib=options.cache_gib,
            folder=run.path / "cache",
        )

    return store(samples, CONTEXT, method.detail), store(labeled_samples(data.val), 1.0)


def _batches(
    store: CropStore, options: TrainingOptions, method: Method, start: int, part: dict[str, int]
) -> MixedBatches:
    per_step = (options.labeled_per_step, options.unlabeled_per_step)
    later = []
    both = all(per_step) and store.labeled.any() and not store.labeled.all()
    # By the clock a share of the training may be done at an earlier step than this reckons: the
    # crops then change some time after the part has begun.
    if both:
        for change in method.later:
            count = round(change.times * sum(per_step))
            share = per_step[0] / sum(per_step) if change.labeled is None else change.labeled
            labeled = min(max(round(share * count), 1), count - 1)
            begins = first_step(change.since, options.max_steps)
            later.append((begins, (labeled, count - labeled)))
    return MixedBatches(
        store.labeled, per_step, options.max_steps, options.seed, later=later, start=start, **part
    )


def _lengths(store: CropStore) -> np.ndarray:
    """(N,) longest side of every validation instance's box, in the file's pixels."""
    boxes = [s.instance.reference_box() for s in store.samples if s.instance is not None]
    return np.array([max(box[2:]) if box else 0.0 for box in boxes])


def _trainer(
    run: Run, network: torch.nn.Module, start: int, *, validated: bool, quiet: bool
) -> L.Trainer:
    options = run.config.training
    silence_lightning()
    callbacks: list[Callback] = [] if quiet else [TrainingProgress()]
    folder = run.path / "checkpoints"
    if validated:
        best = ModelCheckpoint(
            folder, "best", monitor=MONITOR, mode="max", enable_version_counter=False
        )
        callbacks += [best, KeepBestNetwork(run)]
    if validated and options.patience:
        callbacks.append(Patience(options.patience))
    callbacks.append(KeepLast(run.last_checkpoint, None if validated else options.validate_every))
    return L.Trainer(
        **lightning_options(options, network),
        max_steps=options.max_steps,
        callbacks=callbacks,
        logger=make_loggers(run.path, start),
        val_check_interval=options.validate_every if validated else None,
        check_val_every_n_epoch=None if validated else 1,
        limit_val_batches=None if validated else 0,
        num_sanity_val_steps=0,
        log_every_n_steps=20,
        gradient_clip_val=options.gradient_clip,
        enable_progress_bar=not quiet,
        enable_model_summary=False,
        use_distributed_sampler=False,
        benchmark=True,
    )


def default_preset() -> str:
    """``gpu`` where there is a GPU, else ``cpu``."""
    return "gpu" if torch.cuda.is_available() else "cpu"


@contextlib.contextmanager
def _stop_on_interrupt(module: TrainingModule) -> Iterator[None]:
    """Ctrl-C lets the step under way finish, then stops; a second one stops at once."""

    def stop(*_: Any) -> None:
        if module.stop_wanted:
            raise KeyboardInterrupt
        module.stop_wanted = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGINT]
    if sys.platform == "win32":  # what a program can send there to a training that it has started
        numbers.append(signal.SIGBREAK)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _step_of(checkpoint: Path | None) -> int:
    if checkpoint is None:
        return 0
    content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    return int(content["global_step"])
