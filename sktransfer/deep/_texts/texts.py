"""Texts that a user passed, read once: their digests, and batches of their tokens."""

import hashlib
import math
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from sktransfer._messages import shown, warn
from sktransfer.deep._items import InputDescription, ListedItems
from sktransfer.deep._texts.containers import fault_of, validate_texts
from sktransfer.exceptions import TransferWarning

# The number of texts that are looked up in the cache in one go.
LOOKED_UP_AT_ONCE = 1024

# No text has more tokens for each character, and a few special ones.
MOST_TOKENS, MOST_SPECIAL = 4, 8

# Activations that are kept for training are padded to a multiple of it, so that other texts of
# about this length find them.
LENGTHS = 16

# The most tokens in a batch, so that memory does not grow with the length of the texts.
TOKENS_AT_ONCE = 2**14


class TextInput(InputDescription):
    """How a text becomes numbers of tokens; a frozen dataclass with the three fields named here.

    `max_tokens` is the most tokens of one input, or None; `long_text`, "truncate" or "windows",
    says how a text with more is cut. `prefix` is put before each text.
    """

    kind = "text"

    def read(self, X, estimator, *, reset, on_error="raise"):
        """Check X, and return its texts; after a fit it warns of texts longer than `max_tokens`."""
        texts = Texts(tuple(validate_texts(X)), self)
        if reset:
            for name in ("n_features_in_", "feature_names_in_"):
                vars(estimator).pop(name, None)
        else:
            texts.warn_of_long()
        return texts

    def with_options(self, of_kind):
        """Return the description with other `max_tokens`, `long_text` or `prefix`."""
        given = {name: of_kind.get(name) for name in ("max_tokens", "long_text", "prefix")}
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @abstractmethod
    def open(self):
        """Return the `Tokenizer`, read from its file unless this process has read it before."""

    @abstractmethod
    def batch(self, sequences):
        """Return the input of the network for sequences of one length, a list of lists of int."""

    def input_shape(self, items):
        """Return the length of the longest text in tokens; shorter ones are padded by -1."""
        return (items.longest(),)

    def may_be_long(self, text):
        """Tell whether a text can have more than `max_tokens`, without cutting it into tokens."""
        if self.max_tokens is None:
            return False
        return len(self.prefix) + len(text) + MOST_SPECIAL > self.max_tokens / MOST_TOKENS


class Tokenizer(NamedTuple):
    """Turns texts into numbers of tokens.

    ``tokens(text)`` returns a list of int, without special tokens; `before` and `after` are those
    around each text.
    """

    tokens: Callable
    before: tuple = ()
    after: tuple = ()

    def count(self, inputs, text):
        """Return how many tokens a text has, special ones included."""
        return len(self.before) + len(self.tokens(inputs.prefix + text)) + len(self.after)

    def sequences(self, inputs, text):
        """Return the inputs of the network that a text becomes: one, or its windows."""
        tokens, room = self.tokens(inputs.prefix + text), None
        if inputs.max_tokens is not None:
            room = inputs.max_tokens - len(self.before) - len(self.after)
        windows = cut(tokens, room, inputs.long_text)
        return [[*self.before, *window, *self.after] for window in windows]


def cut(tokens, room, long_text):
    """Return the windows of a list of tokens: it whole, its start, or several that cover it.

    A window has at most `room` tokens (None: any number). All have one length, and overlap as
    little as that allows.
    """
    if room is None or len(tokens) <= room:
        return [tokens]
    if long_text == "truncate":
        return [tokens[:room]]
    starts = np.linspace(0, len(tokens) - room, math.ceil(len(tokens) / room)).round().astype(int)
    return [tokens[start : start + room] for start in starts.tolist()]


@dataclass(frozen=True, eq=False)
class Texts(ListedItems):
    """Texts, as `validate_texts` returned them, and how they are cut into tokens."""

    content: tuple
    inputs: TextInput
    positions: np.ndarray | None = None

    noun = "text"

    def learn(self, estimator, *, on_error="raise"):
        """Check the texts; there is nothing to learn."""
        if on_error == "raise":
            self.raise_faults(self.find_unreadable(estimator))
        self.warn_of_long()
        return self

    def digest(self):
        """Return the hash of all texts."""
        hasher = hashlib.sha256()
        for text in self.content:
            hasher.update(_digest(text))
        return hasher.hexdigest()

    def whole_key(self):
        """Return a hash of all texts and their lengths; None if one of them cannot be read."""
        hasher = hashlib.sha256()
        try:
            hasher.update(np.fromiter(map(len, self.content), dtype=np.int64, count=len(self)))
            for part in self._encoded():
                hasher.update(part)
        except (TypeError, UnicodeEncodeError):
            return None
        return hasher.digest()

    def _encoded(self):
        """Yield the bytes of all texts, many at once; an error if one of them cannot be read."""
        for first in range(0, len(self), LOOKED_UP_AT_ONCE):
            yield "".join(self.content[first : first + LOOKED_UP_AT_ONCE]).encode()

    def find_unreadable(self, estimator):
        """Return a `Fault` for each item that is no text."""
        with suppress(TypeError, UnicodeEncodeError):
            for _ in self._encoded():
                pass
            return []
        reasons = ((row, fault_of(item)) for row, item in enumerate(self.content))
        return [self.fault(row, reason) for row, reason in reasons if reason is not None]

    def longest(self):
        """Return the most tokens of one input, rounded up to a multiple of `LENGTHS`."""
        tokenizer = self.inputs.open()
        lengths = (len(tokenizer.sequences(self.inputs, text)[0]) for text in self.content)
        return -(-max(lengths) // LENGTHS) * LENGTHS

    def warn_of_long(self):
        """Warn of texts with more tokens than one input has room for."""
        inputs = self.inputs
        if inputs.max_tokens is None or inputs.long_text == "windows":
            return
        candidates = [
            (row, text)
            for row, text in enumerate(self.content)
            if isinstance(text, str) and inputs.may_be_long(text) and fault_of(text) is None
        ]
        if not candidates:
            return
        tokenizer = inputs.open()
        counts = {row: tokenizer.count(inputs, text) for row, text in candidates}
        rows = [row for row, count in counts.items() if count > inputs.max_tokens]
        if not rows:
            return
        cut_off = sum(counts[row] - inputs.max_tokens for row in rows)
        warn(
            f"{len(rows)} of {len(self)} texts are longer than max_tokens={inputs.max_tokens}, and "
            f"{cut_off} of their {sum(counts[row] for row in rows)} tokens are cut off: "
            f"{self.list_rows(rows)}. Pass long_text='windows' to average the features of all "
            "parts of a text.",
            TransferWarning,
        )

    def batches(self, inputs, run, faults, *, choose=None, view=None):
        """Yield batches of sequences of one length each, so that none is padded."""
        faults += self.find_unreadable(None)
        if faults and run.on_error == "raise":
            return
        bad = {fault.position for fault in faults}
        rows = [row for row in range(len(self)) if row not in bad]
        tokenizer, waiting = None, {}
        for row in self._wanted(rows, choose):
            tokenizer = tokenizer or inputs.open()
            sequences = tokenizer.sequences(inputs, self.content[row])
            length = len(sequences[0])
            of_length = waiting.setdefault(length, ([], []))
            of_length[0].extend([row] * len(sequences))
            of_length[1].extend(sequences)
            most = min(run.batch_size, max(1, TOKENS_AT_ONCE // max(1, length)))
            if len(of_length[0]) >= most:
                waiting.pop(length)
                yield of_length[0], inputs.batch(of_length[1])
        for _, (rows, sequences) in sorted(waiting.items()):
            yield rows, inputs.batch(sequences)

    def _wanted(self, rows, choose):
        """Yield the rows that are to be computed."""
        if choose is None:
            yield from rows
            return
        for start in range(0, len(rows), LOOKED_UP_AT_ONCE):
            part = rows[start : start + LOOKED_UP_AT_ONCE]
            digests = [_digest(self.content[row]) for row in part]
            yield from np.asarray(part)[choose(part, digests, None)].tolist()


def _digest(text):
    content = (
        text.encode("utf-8", "surrogatepass") if isinstance(text, str) else repr(text).encode()
    )
    return hashlib.sha256(content).digest()[:16]


def describe_texts(given, *, default=None, most=None, prefix=""):
    """Return the three fields of `TextInput`, from the parameters of an estimator.

    `given` holds ``max_tokens``, ``long_text`` and ``prefix``, None if not given. The network's own
    are `default` and `prefix`, and it takes `most` tokens, special ones included.
    """
    max_tokens = given.get("max_tokens")
    if most is not None and max_tokens is not None and max_tokens > most:
        raise ValueError(
            f"max_tokens={shown(max_tokens)} is more than the {most} tokens that the network "
            "takes: pass None or a smaller number."
        )
    return {
        "max_tokens": default if max_tokens is None else int(max_tokens),
        "long_text": given.get("long_text") or "truncate",
        "prefix": prefix if given.get("prefix") is None else given["prefix"],
    }
