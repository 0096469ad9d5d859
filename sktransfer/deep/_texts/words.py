"""Texts as the words of a table of vectors."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._built_in import built_in_path
from sktransfer.deep._networks.onnx.read import absolute
from sktransfer.deep._texts.texts import TextInput, Tokenizer, describe_texts
from sktransfer.deep._texts.vectors import read_table

# The place of the only stage: the mean of the vectors.
STAGE = "mean"

# Letters and digits together, the rest of a contraction, or one other sign: 'don', "'t", '!'.
_WORD = re.compile(r"[^\W_]+|'[^\W\d_]+|[^\w\s]|_")


@dataclass(frozen=True)
class WordInput(TextInput):
    """How a text becomes the places of its words in a table.

    Parameters
    ----------
    table : str
        The digest of the table.
    source : str
        Its file, or the name of a built-in table.
    lowercase : bool
        Whether the table holds no capitals, so that all words are written small. Otherwise a word
        is also looked for in small letters if the table lacks it.
    max_tokens : int or None, default=None
        As for `TextInput`; words that the table lacks do not count.
    long_text : {"truncate", "windows"}, default="truncate"
        As for `TextInput`.
    prefix : str, default=""
        As for `TextInput`.
    """

    table: str
    source: str = field(repr=False, compare=False)
    lowercase: bool
    max_tokens: int | None = None
    long_text: str = "truncate"
    prefix: str = ""

    def open(self):
        """Return a `Tokenizer` that gives the places of the words that the table holds."""
        get = self.load().places.get

        def small(text):
            places = map(get, _WORD.findall(text.lower()))
            return [place for place in places if place is not None]

        def either(text):
            places = (get(word, get(word.lower())) for word in _WORD.findall(text))
            return [place for place in places if place is not None]

        return Tokenizer(small if self.lowercase else either)

    def moved(self, old, new):
        """Return the description for a table that was at `old` and is at `new`."""
        return replace(self, source=new)

    def batch(self, sequences):
        """Return an array (n, n_words) of places."""
        return np.array(sequences, dtype=np.int32).reshape(len(sequences), -1)

    def load(self):
        """Return the table, a `WordTable`."""
        path = built_in_path(self.source) or Path(self.source)
        if not path.is_file():
            raise FileNotFoundError(
                f"The word vectors {shown(self.source)} are gone: put the file back, say where it "
                "is with set_params(backbone=its path now), or fit again."
            )
        table = read_table(path)
        if self.table != table.digest:
            raise ValueError(
                f"The word vectors in {shown(self.source)} are not the ones that fit has seen: "
                "put the old file back, or fit again."
            )
        return table


def describe_words(source, path, given):
    """Describe a table of word vectors in the file `path`: all fields of a `Backbone`.

    `source` is the name of a built-in table, or the path; `given` is as for `describe_texts`.
    """
    table = read_table(path)
    lowercase = all(word == word.lower() for word in table.places)
    inputs = WordInput(
        table=table.digest, source=source, lowercase=lowercase, **describe_texts(given)
    )
    return {
        "name": path.stem,
        "source": source if source == path.stem else str(absolute(path)),
        "preprocessing": inputs,
        "stages": (STAGE,),
        "shapes": ((table.vectors.shape[1],),),
        "fingerprint": table.digest,
        "engines": ("numpy",),
    }
