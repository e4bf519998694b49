"""A catalogue's texts and pictures through an encoder: each content once, never twice.

Equal texts, and pictures with equal bytes, are encoded once; what an earlier run encoded is
taken from the cache; what a killed run had planned is finished as planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from recsys_cli.encoders.cache import Chunk, EmbeddingCache, Key, VectorStore, content_key
from recsys_cli.encoders.contract import (
    Embeddings,
    ImageEncoder,
    Picture,
    Skipped,
    TextEncoder,
    Vectors,
)
from recsys_cli.encoders.pictures import Failure, PictureFile, load_picture, prepare_all
from recsys_cli.errors import DataError
from recsys_cli.progress import Progress, Silent

TEXTS_PER_CHUNK = 4096
"""Large enough for full batches of texts of one length, small enough to lose to a kill."""
PICTURES_PER_CHUNK = 128
_WORTH_WORKERS = 64
"""Pictures below which starting worker processes takes longer than decoding."""


def embed_texts(
    texts: Sequence[str | None],
    encoder: TextEncoder,
    cache: EmbeddingCache | None,
    *,
    progress: Progress | None = None,
) -> Embeddings:
    """Vectors of `texts`, None where there is no text.

    Args:
        texts: one per row.
        encoder: fitted, if it is one that has to be (`TextEncoder.fit`).
        cache: where vectors are kept; None, or an encoder that is not cacheable, encodes all.
        progress: counts distinct texts.

    Raises:
        ConfigError: the encoder can't be loaded.
    """
    progress = progress or Silent()
    if cache is None or not encoder.cacheable:
        return _encode_distinct(texts, encoder, progress)
    keys = [content_key(text.encode()) if text else None for text in texts]
    by_key = {key: text for key, text in zip(keys, texts, strict=True) if key and text}
    store = cache.store(encoder.fingerprint, progress=progress)
    missing = [key for key in by_key if key not in store]
    if missing:
        # Texts of similar length share a chunk, and within it batches of equal length.
        missing.sort(key=lambda key: (len(by_key[key]), by_key[key]))
        progress.start("encoding texts", len(missing))
        for chunk in store.plan(missing, size=TEXTS_PER_CHUNK):
            store.add(chunk, encoder.encode([by_key[key] for key in chunk.keys]))
            progress.advance(len(chunk.keys))
        store.finish()
    vectors, has = store.gather(keys, dim=store.dim or encoder.dim)
    return Embeddings(vectors, has, len(missing), len(by_key) - len(missing))


def embed_images(
    paths: Sequence[Path | None],
    encoder: ImageEncoder,
    cache: EmbeddingCache,
    *,
    root: Path = Path(),
    workers: int = 0,
    progress: Progress | None = None,
) -> Embeddings:
    """Vectors of the pictures in `paths`, None where there is none.

    A picture that is missing, damaged or too large is skipped and listed.

    Args:
        paths: one per row, relative to `root`, under which they are listed and remembered.
        encoder: turns pictures into vectors.
        cache: where vectors, and hashes of files, are kept.
        root: folder of the paths, such as the workspace.
        workers: processes that decode ahead of the model; 0 decodes in this one.
        progress: counts distinct pictures.

    Raises:
        ConfigError: the encoder can't be loaded.
    """
    progress = progress or Silent()
    files = list(dict.fromkeys(path for path in paths if path is not None))
    hashes = cache.files().digests(files, root=root, threads=workers, progress=progress)
    problems = {file: one.reason for file, one in zip(files, hashes, strict=True)}
    keys = {file: one.digest for file, one in zip(files, hashes, strict=True) if one.digest}
    by_key = {key: root / file for file, key in reversed(keys.items())}
    store = cache.store(encoder.fingerprint, progress=progress)
    missing = [key for key in dict.fromkeys(keys.values()) if key not in store]
    passing: dict[Key, str] = {}
    if missing:
        progress.start("encoding pictures", len(missing))
        passing = _encode_pictures(
            store.plan(missing, size=PICTURES_PER_CHUNK),
            by_key,
            encoder,
            store,
            workers=workers if len(missing) >= _WORTH_WORKERS else 0,
            progress=progress,
        )
        store.finish()
    failed = {key: why for key in by_key if (why := store.failure(key) or passing.get(key))}
    problems |= {file: failed[key] for file, key in keys.items() if key in failed}
    by_row = [keys.get(path) if path is not None else None for path in paths]
    vectors, has = store.gather(by_row, dim=store.dim or encoder.dim)
    encoded = len(set(missing) - failed.keys())
    return Embeddings(
        vectors,
        has,
        encoded,
        len(by_key) - len(failed) - encoded,
        tuple(Skipped(file.as_posix(), why) for file, why in problems.items() if why),
    )


def encode_picture(path: Path, encoder: ImageEncoder) -> Vectors:
    """The vector (1, dim) of one picture, such as a search's.

    Raises:
        DataError: the file can't be read as a picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    try:
        return encoder.encode([load_picture(data, encoder.prepare)])
    except DataError as error:
        raise DataError(f"{path}: {error.message}") from error


def _encode_distinct(
    texts: Sequence[str | None], encoder: TextEncoder, progress: Progress
) -> Embeddings:
    """Without a cache."""
    place: dict[str, int] = {}
    rows = [place.setdefault(text, len(place)) if text else -1 for text in texts]
    distinct = iter(place)
    progress.start("encoding texts", len(place))
    parts = [np.zeros((0, encoder.dim), np.float32)]
    while batch := list(islice(distinct, TEXTS_PER_CHUNK)):
        parts.append(encoder.encode(batch))
        progress.advance(len(batch))
    # One row more, which -1 points to.
    found = np.concatenate([*parts, np.zeros((1, encoder.dim), np.float32)])
    vectors = found[rows]
    return Embeddings(vectors, np.asarray(vectors.any(axis=1)), len(place), 0)


def _encode_pictures(
    chunks: Sequence[Chunk],
    paths: dict[Key, Path],
    encoder: ImageEncoder,
    store: VectorStore,
    *,
    workers: int,
    progress: Progress,
) -> dict[Key, str]:
    """Encode and store chunks; returns failures that may not last, which are not stored."""
    files = [PictureFile(paths[key], key) for chunk in chunks for key in chunk.keys]
    prepared = prepare_all(files, encoder.prepare, workers=workers)
    passing: dict[Key, str] = {}
    for chunk in chunks:
        results = dict(zip(chunk.keys, islice(prepared, len(chunk.keys)), strict=True))
        passing |= _store_chunk(chunk, results, encoder, store)
        progress.advance(len(chunk.keys))
    return passing


def _store_chunk(
    chunk: Chunk,
    results: Mapping[Key, Picture | Failure],
    encoder: ImageEncoder,
    store: VectorStore,
) -> dict[Key, str]:
    """Encode and store what was prepared of a chunk; returns failures that may not last."""
    good: list[Picture] = []
    lasting: dict[Key, str] = {}
    passing: dict[Key, str] = {}
    for key, one in results.items():
        if not isinstance(one, Failure):
            good.append(one)
        elif one.lasting:
            lasting[key] = one.reason
        else:
            passing[key] = one.reason
    vectors = encoder.encode(good) if good else np.zeros((0, 0), np.float32)
    stored = Chunk(chunk.name, tuple(key for key in chunk.keys if key not in passing))
    store.add(stored, vectors, failed=lasting)
    return passing
