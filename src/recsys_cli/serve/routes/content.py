"""What goes through the encoders: pictures, words, and a catalogue that the caller brings."""

# The framework evaluates annotations, some of which name what a function has made: so they are
# not postponed here.

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, File, Query, UploadFile
from pydantic import AfterValidator, BaseModel, Field
from starlette.responses import Response

from recsys_cli.engine.cold import DISLIKE
from recsys_cli.engine.queries import Query as Asked
from recsys_cli.engine.search import found, of_dataset
from recsys_cli.engine.similar import CONTENT
from recsys_cli.errors import DataError, UnknownWordsError, UsageError
from recsys_cli.live.incoming import NoNul
from recsys_cli.ranking.topk import FactorRanker
from recsys_cli.ranking.vectors import Mask
from recsys_cli.serve.answers import NOT_FOUND, PROBLEMS, Embedded, Found, Ranked
from recsys_cli.serve.bodies import ExactRoute, exact
from recsys_cli.serve.context import (
    MAX_CONDITIONS,
    MAX_LIST,
    DatasetName,
    Length,
    Name,
    ServerContext,
    Text,
)
from recsys_cli.serve.problems import JSON
from recsys_cli.serve.state import Served
from recsys_cli.strategies.content.fusion import IMAGE
from recsys_cli.strategies.content.uservectors import vector_of


class TextRequest(BaseModel):
    """Words to search for."""

    text: Text
    top_k: Length = None
    dataset: Name | None = None
    where: Annotated[list[Name], Field(max_length=MAX_CONDITIONS)] = []

    model_config = exact(text="red dress", top_k=5)


class Product(BaseModel):
    """One entry of a catalogue."""

    model_config = exact()

    id: Annotated[Name, NoNul]
    text: Text


def _each_once(catalogue: list[Product]) -> list[Product]:
    seen: set[str] = set()
    for product in catalogue:
        if product.id in seen:
            raise ValueError(f"the id {product.id!r} is there twice")
        seen.add(product.id)
    return catalogue


class CatalogRequest(BaseModel):
    """A catalogue, and products that somebody likes or dislikes, as texts."""

    catalogue: Annotated[
        list[Product], Field(min_length=1, max_length=MAX_LIST), AfterValidator(_each_once)
    ]
    liked: Annotated[list[Text], Field(min_length=1, max_length=MAX_LIST)]
    disliked: Annotated[list[Text], Field(max_length=MAX_LIST)] = []
    top_k: Length = None
    dataset: Name | None = None

    model_config = exact(
        catalogue=[
            {"id": "A-1", "text": "red summer dress"},
            {"id": "B-2", "text": "black leather boots"},
        ],
        liked=["flowered dress"],
        top_k=2,
    )


def content_routes(context: ServerContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["content"], responses=PROBLEMS | NOT_FOUND, route_class=ExactRoute)
    TopK = Annotated[int, Query(ge=1, le=context.settings.max_k)]
    Picture = Annotated[UploadFile, File(description="A JPEG, PNG, WebP or GIF.")]

    async def picture_of(image: UploadFile) -> bytes:
        data = await image.read(context.settings.image_bytes + 1)
        if len(data) > context.settings.image_bytes:
            raise DataError(f"image: it is larger than {context.settings.image_bytes:,} bytes")
        if not data:
            raise DataError("image: the file is empty")
        return data

    async def nearest(served: Served, asked: Asked, k: int, where: Sequence[str] = ()) -> Response:
        heard = None if asked.words is None else await context.heard(served, asked.words)
        words = heard.words if heard else {}
        try:
            vector = await context.encode(served, asked)
        except UnknownWordsError as error:
            if heard is None:
                nothing = found(asked, served.name, [])
                return context.answered(nothing | {"fallback_reason": error.message})
            vector = np.zeros(served.need_space().dim, np.float32)
        items = await context.work.run(
            (served.name, "search", bool(where), heard is None),
            lambda: served.similar.like(
                vector, k=k, allow=served.engine.meeting(where), heard=heard
            ),
        )
        listed = [of_dataset(item, served.name) for item in items]
        return context.answered(found(asked, served.name, listed, words=words))

    async def from_text(asked: Annotated[TextRequest, Body()]) -> Response:
        """Search for words."""
        if not asked.text.strip():
            raise UsageError("body.text: there is nothing to search for")
        k = context.length(asked.top_k)
        served = context.state.dataset(asked.dataset)
        return await nearest(served, Asked(asked.text), k, asked.where)

    async def from_image(
        image: Picture, top_k: TopK = context.default_k, dataset: DatasetName = None
    ) -> Response:
        """Search for items that look like a picture."""
        data = await picture_of(image)
        return await nearest(context.state.dataset(dataset), Asked(picture=data), top_k)

    async def embed_image(image: Picture, dataset: DatasetName = None) -> Response:
        """The vector of a picture."""
        data, served = await picture_of(image), context.state.dataset(dataset)
        encoder = served.need_space().encoders.get(IMAGE)
        vector = (await context.encode(served, data)).tolist()
        return JSON(
            {"dataset": served.name, "encoder": encoder, "dim": len(vector), "vector": vector}
        )

    async def catalog(asked: Annotated[CatalogRequest, Body()]) -> Response:
        """Rank a catalogue of the caller's for somebody's taste; ids of ours play no role."""
        served = context.state.dataset(asked.dataset)
        k = context.length(asked.top_k)
        texts = [*asked.liked, *asked.disliked, *(product.text for product in asked.catalogue)]
        vectors = await context.encode(served, texts)
        items = await context.work.run("catalog", lambda: _ranked(asked, vectors, k))
        reason = None if items else "none of it has words that the encoder knows"
        return context.answered(
            {
                "dataset": served.name,
                "strategy": CONTENT,
                "strategy_used": CONTENT if items else None,
                "fallback_reason": reason,
                "items": items,
                "left_out": _left_out(asked, vectors),
            }
        )

    add = partial(router.add_api_route, methods=["POST"])
    add("/recommend/from_text", from_text, response_model=Found)
    add("/recommend/from_image", from_image, response_model=Found)
    add("/embed/image", embed_image, response_model=Embedded)
    add("/recommend/catalog", catalog, response_model=Ranked)
    return router


def _ranked(asked: CatalogRequest, vectors: Any, k: int) -> list[dict[str, Any]]:
    """The catalogue by cosine with the taste; `vectors` are of liked, disliked, catalogue."""
    tastes = len(asked.liked) + len(asked.disliked)
    weights = np.r_[np.ones(len(asked.liked)), np.full(len(asked.disliked), -DISLIKE)]
    taste = vector_of(np.arange(tastes), vectors, weights)
    if not taste.any():
        return []
    products = np.ascontiguousarray(vectors[tastes:])
    known: Mask = np.any(products, axis=1)
    ranker = FactorRanker(products, candidates=known)
    items, scores = ranker.top_k(taste[None], k=min(k, len(products)))
    return [
        {
            "rank": rank,
            "item": asked.catalogue[item].id,
            "score": float(str(score)),
            "name": asked.catalogue[item].text,
            "sources": [CONTENT],
        }
        for rank, (item, score) in enumerate(zip(items[0].tolist(), scores[0], strict=True), 1)
        if item >= 0
    ]


def _left_out(asked: CatalogRequest, vectors: Any) -> list[str]:
    """Ids of what has no words that the encoder knows."""
    tastes = len(asked.liked) + len(asked.disliked)
    known = np.any(vectors[tastes:], axis=1)
    return [asked.catalogue[row].id for row in np.flatnonzero(~known)]
