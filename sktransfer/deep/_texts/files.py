"""The files that belong to a network for texts: in its folder, or in the cache of Hugging Face."""

import json
import os
from pathlib import Path

from sktransfer._messages import cause, shown

TOKENIZER = "tokenizer.json"

# A folder with one of these holds a network for texts, unless it reads images as well.
_OF_TEXTS = (TOKENIZER, "modules.json", "tokenizer_config.json", "vocab.txt")
_OF_IMAGES = ("preprocessor_config.json", "processor_config.json")


def find_file(source, name):
    """Return the path of a file of a network, None if there is none.

    `source` is a folder or a file in it, or "hf:" with a folder or a name. A folder is read alone;
    of a name the cache is asked first, and the hub only if it has not cached the network.
    """
    source = os.fspath(source)
    place = source.removeprefix("hf:")
    if os.path.isfile(place):
        place = os.path.dirname(place)
    if os.path.isdir(place) or not source.startswith("hf:"):
        path = Path(place) / name
        return path if path.is_file() else None
    return _find_cached(place, name)


def _find_cached(repository, name):
    try:
        from huggingface_hub import hf_hub_download, try_to_load_from_cache

        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
        if found is not None or isinstance(try_to_load_from_cache(repository, "config.json"), str):
            return None  # known not to be there, or the network was fetched without it
        from sktransfer.deep._networks.torch.network_access import why_no_hub

        return Path(hf_hub_download(repository, name)) if why_no_hub() is None else None
    except Exception:  # the loader of the network raises
        return None


def read_json(source, name, default=None):
    """Return the content of a JSON file of a network, or `default` if there is no such file."""
    path = find_file(source, name)
    if path is None:
        return default
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{shown(str(path))} cannot be read ({cause(error)}): put the whole file back."
        ) from error


def is_of_texts(source):
    """Tell whether a network of transformers reads texts, by the files that it has."""
    if any(find_file(source, name) for name in _OF_IMAGES):
        return False
    return any(find_file(source, name) for name in _OF_TEXTS)
