"""Tokenizers of transformers, read from their file by the package tokenizers."""

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sktransfer._extras import install_command
from sktransfer._messages import cause, shown
from sktransfer.deep._cache.file_digest import signature
from sktransfer.deep._networks.recent import Recent
from sktransfer.deep._texts.files import TOKENIZER, find_file, read_json
from sktransfer.deep._texts.texts import TextInput, Tokenizer, describe_texts

# A maximum length in a configuration that means none.
_NO_LIMIT = 10**6

_TOKENIZERS = Recent(4)

# Inputs of a graph besides the tokens, by a part of their names.
_ROLES = {"mask": "mask", "type": "type", "segment": "type", "position": "position"}


@dataclass(frozen=True)
class TokenInput(TextInput):
    """How a text becomes the tokens of a transformer.

    `tokenizer` is the digest of the file, and `source` the place of the file, or its network.
    `names` are the inputs of an ONNX graph with their roles; empty for a torch network.
    """

    tokenizer: str
    source: str = field(repr=False, compare=False)
    max_tokens: int | None = None
    long_text: str = "truncate"
    prefix: str = ""
    lowercase: bool = False
    names: tuple[tuple[str, str], ...] = ()
    dtype: str = "int64"

    def open(self):
        """Return the `Tokenizer` that the file describes."""
        found = read_tokenizer(self.source)
        if found.digest != self.tokenizer:
            raise ValueError(
                f"The tokenizer of {shown(self.source)} is not the one that fit has seen: put the "
                "old file back, or fit again."
            )
        encode, padding, lowercase = found.rust.encode, found.padding, self.lowercase
        framed = bool(found.before or found.after)

        def tokens(text):
            text = text.lower() if lowercase else text
            ids = encode(text, add_special_tokens=False).ids
            return ids if ids or framed else [padding]  # no network takes nothing

        return Tokenizer(tokens, found.before, found.after)

    def batch(self, sequences):
        """Return the tokens (n, t), or a dict with all inputs of the graph."""
        ids = np.array(sequences, dtype=self.dtype)
        if not self.names:
            return ids
        others = {
            "ids": ids,
            "mask": np.ones_like(ids),
            "type": np.zeros_like(ids),
            "position": np.broadcast_to(np.arange(ids.shape[1], dtype=ids.dtype), ids.shape),
        }
        return {name: others[role] for name, role in self.names}

    def moved(self, old, new):
        """Return the description for a network that lies elsewhere now."""
        return replace(self, source=new) if self.source == old else self


@dataclass(frozen=True, eq=False)
class TokenizerFile:
    """A tokenizer in memory: of the package tokenizers, its digest, and its special tokens."""

    rust: object
    digest: str
    before: tuple
    after: tuple
    padding: int
    truncation: int | None


def read_tokenizer(source):
    """Read the tokenizer at a place: a ``tokenizer.json``, its folder, or "hf:" and a network."""
    path = Path(source) if os.path.isfile(source) else find_file(source, TOKENIZER)
    if path is None:
        raise FileNotFoundError(
            f"{shown(source)} has no {TOKENIZER}: pass tokenizer=, the path of one, or save it "
            "there with AutoTokenizer.from_pretrained(...).save_pretrained(...) of transformers."
        )
    return _TOKENIZERS.get((str(path), signature(path)), lambda: _read(path))


def _read(path):
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            f"Reading {shown(str(path))} needs tokenizers, which is not installed; run "
            f"{install_command('text')}."
        ) from error
    try:
        content = path.read_bytes()
        rust = tokenizers.Tokenizer.from_buffer(content)
        truncation = rust.truncation
        rust.no_truncation()
        rust.no_padding()
        before, after = _frame(rust)
    except Exception as error:  # of a class of its own
        raise ValueError(
            f"{shown(str(path))} is no tokenizer that can be used ({cause(error)}): pass the "
            f"{TOKENIZER} that transformers writes."
        ) from error
    padding = next((rust.token_to_id(t) for t in ("[PAD]", "<pad>") if rust.token_to_id(t)), 0)
    return TokenizerFile(
        rust,
        hashlib.sha256(content).hexdigest(),
        before,
        after,
        padding,
        truncation and truncation["max_length"],
    )


def _frame(rust):
    """The special tokens before and after a text, from two short ones."""
    frames = set()
    for text in ("a", "the cat"):
        whole = rust.encode(text, add_special_tokens=True).ids
        bare = rust.encode(text, add_special_tokens=False).ids
        starts = [k for k in range(len(whole) - len(bare) + 1) if whole[k : k + len(bare)] == bare]
        if not starts:
            raise ValueError("it changes texts that it puts special tokens around")
        frames.add((tuple(whole[: starts[0]]), tuple(whole[starts[0] + len(bare) :])))
    if len(frames) > 1:
        raise ValueError("its special tokens depend on the text")
    return frames.pop()


def describe_tokens(source, given, *, own=None, positions=None, names=(), dtype="int64"):
    """Describe the tokens of a network as a `TokenInput`.

    `source` is the place of the tokenizer, and `given` the parameters of an estimator. `own` is a
    `SentenceModules`, and `positions` the number of tokens that the network has places for.
    """
    found = read_tokenizer(source)
    config = read_json(source, "tokenizer_config.json", {})
    limits = [own and own.max_tokens, config.get("model_max_length"), found.truncation]
    limit = next((each for each in limits if _is_limit(each)), None)
    default = min((each for each in (limit, positions) if each is not None), default=None)
    prefix = own.prefix if own else ""
    fields = describe_texts(given, default=default, most=positions, prefix=prefix)
    room = fields["max_tokens"]
    least = len(found.before) + len(found.after) + 1
    if room is not None and room < least:
        raise ValueError(
            f"max_tokens={shown(room)} leaves no room for a text next to the "
            f"{least - 1} special tokens: expected {least} or more."
        )
    return TokenInput(
        tokenizer=found.digest,
        source=str(source),
        lowercase=bool(own and own.lowercase),
        names=tuple(names),
        dtype=dtype,
        **fields,
    )


def _is_limit(value):
    return isinstance(value, int | float) and 0 < value < _NO_LIMIT


def role_of(name):
    """Return the meaning of a graph's input, by its name."""
    return next((role for part, role in _ROLES.items() if part in name.lower()), "ids")
