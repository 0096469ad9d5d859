"""The kinds of input, and the parameters of estimators that only one of them reads."""

import inspect

from sktransfer._messages import shown

# By the `kind` of an `InputDescription`. A parameter that is not here is read for every kind.
KINDS = {
    "image": ("input_size", "image_shape", "value_range", "augment", "augment_views"),
    "text": ("tokenizer", "max_tokens", "long_text", "prefix"),
    "sound": ("sample_rate",),
    "table": ("hidden_layer_sizes", "activation"),
}

# The options of `resolve_backbone`, each named as the parameter that it comes from.
OPTIONS = ("weights", "stages", "preprocessing", "input_size", *KINDS["text"])


def options_of(estimator):
    """Return the options of `resolve_backbone` that an estimator has; None for defaults."""
    defaults = inspect.signature(type(estimator).__init__).parameters
    return {
        name: None if _is_default(estimator, name, defaults) else getattr(estimator, name)
        for name in OPTIONS
        if name in defaults
    }


def refuse_other_kinds(estimator, backbone):
    """Refuse parameters with a value that are for another kind of input than the network's.

    The error names all of them. It is also raised if the estimator is for another kind itself.
    """
    kind, own = backbone.preprocessing.kind, getattr(estimator, "_kind", None)
    if own not in (None, kind):
        raise ValueError(
            f"backbone={shown(backbone.name)} reads {kind}s, and {type(estimator).__name__} takes "
            f"networks for {own}s: use PretrainedFeatureExtractor, or another network."
        )
    defaults = inspect.signature(type(estimator).__init__).parameters
    others = {
        name: other
        for other, names in KINDS.items()
        for name in names
        if other != kind and name in defaults
    }
    found = [name for name in others if not _is_default(estimator, name, defaults)]
    if found:
        given = ", ".join(f"{name}={shown(getattr(estimator, name))}" for name in found)
        kinds = " and ".join(dict.fromkeys(f"{others[name]}s" for name in found))
        raise ValueError(
            f"{given}: read for {kinds} only, but backbone={shown(backbone.name)} reads {kind}s; "
            "leave it out."
        )


def _is_default(estimator, name, defaults):
    value = getattr(estimator, name)
    return value is defaults[name].default or (
        isinstance(value, str) and (value == defaults[name].default)
    )
