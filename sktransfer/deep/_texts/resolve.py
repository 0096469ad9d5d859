"""Which networks read texts, and their descriptions: the fields of a `Backbone`.

`options` are the stages, the preprocessing and the input size that a user gave, and `of_kind` the
parameters for texts; None if not given.
"""

import os
from dataclasses import replace
from functools import lru_cache

from sktransfer._messages import shown
from sktransfer.deep._items import InputDescription
from sktransfer.deep._texts.files import is_of_texts


def reads_texts(backbone, options, of_kind):
    """Tell whether a module, or a network of a zoo, is meant for texts."""
    own = options["preprocessing"]
    if isinstance(own, InputDescription):
        return own.kind == "text"
    if of_kind.get("tokenizer") is not None:
        return True
    return isinstance(backbone, str) and backbone.startswith("hf:") and is_of_texts(backbone)


@lru_cache(maxsize=32)
def reads_tokens(path, stamps):
    """Tell whether an ONNX file takes tokens."""
    from sktransfer.deep._networks.onnx.describe_texts import reads_tokens

    return reads_tokens(path)


def describe_text_graph(path, options, of_kind):
    """Describe an ONNX file that takes tokens."""
    from sktransfer.deep._networks.onnx.describe_texts import describe_text_graph

    inputs = _own_input(str(path), options)
    return describe_text_graph(path, of_kind, stages=options["stages"], inputs=inputs)


def describe_text_module(backbone, weights, options, of_kind):
    """Describe a module, or a network of transformers, for texts."""
    from sktransfer.deep._networks.torch.describe_texts import describe_text_module

    inputs = _own_input(backbone, options, weights)
    return describe_text_module(backbone, of_kind, stages=options["stages"], inputs=inputs)


def describe_word_file(backbone, path, options, of_kind):
    """Describe a table of word vectors."""
    from sktransfer.deep._texts.words import STAGE, describe_words

    own, stages = options["preprocessing"], options["stages"]
    inputs = own if isinstance(own, InputDescription) and own.kind == "text" else None
    _refuse(
        f"word vectors (backbone={shown(backbone)}) have one stage, and words of their own",
        stages=None if stages == (STAGE,) else stages,
        preprocessing=None if inputs else own,
        input_size=options["input_size"],
        tokenizer=of_kind.get("tokenizer"),
    )
    fields = describe_words(os.fspath(backbone), path, of_kind)
    if inputs is not None:
        inputs = replace(inputs, source=fields["preprocessing"].source).with_options(of_kind)
        fields["preprocessing"] = inputs
    return fields


def _own_input(backbone, options, weights=None):
    """Return the `preprocessing` of texts; refuse any that is not for texts."""
    own = options["preprocessing"]
    inputs = own if isinstance(own, InputDescription) and own.kind == "text" else None
    _refuse(
        f"not read for networks of texts (backbone={shown(backbone)})",
        weights=weights,
        preprocessing=None if inputs else own,
        input_size=options["input_size"],
    )
    return inputs


def _refuse(why, **given):
    """Refuse parameters that are given."""
    names = [f"{name}={shown(value)}" for name, value in given.items() if value is not None]
    if names:
        raise ValueError(f"{', '.join(names)}: {why}; leave it out.")
