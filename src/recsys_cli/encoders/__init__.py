"""Texts and pictures of items as vectors: the encoders, and what makes encoding resumable."""

from recsys_cli.encoders.cache import EmbeddingCache
from recsys_cli.encoders.configured import load_image_encoder, load_text_encoder
from recsys_cli.encoders.contract import Embeddings, ImageEncoder, Skipped, TextEncoder
from recsys_cli.encoders.embed import embed_images, embed_texts, encode_picture
from recsys_cli.encoders.items import item_pictures, item_texts

__all__ = [
    "EmbeddingCache",
    "Embeddings",
    "ImageEncoder",
    "Skipped",
    "TextEncoder",
    "embed_images",
    "embed_texts",
    "encode_picture",
    "item_pictures",
    "item_texts",
    "load_image_encoder",
    "load_text_encoder",
]
