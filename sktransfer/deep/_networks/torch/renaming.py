"""Which tensor of a checkpoint belongs to which tensor of a network, although their names differ.

Wrappers (DataParallel, torch.compile, Lightning modules, the classes of training scripts) put
words in front of the names of layers, or into them.
"""

from collections import Counter

# Usual words of wrappers. Of two prefixes that fit equally well, one of these words is preferred.
_WRAPPERS = frozenset(
    [
        *("module", "model", "backbone", "net", "network", "_orig_mod", "feature_extractor"),
        *("encoder", "encoder_q", "base_encoder", "student", "teacher", "trunk"),
    ]
)

# How many wrappers may be around a network.
_DEEPEST = 3

# How many words in the middle of names are found one after the other.
_MOST_INFIXES = 4

# A prefix of this share of all names is one that a wrapper has put there.
_COMMON = 0.8


def match_names(file, own, base=()):
    """Find for each tensor of a file, by name and shape, the tensor of the network that it is.

    Equal names come first. For the others one prefix is removed, or exchanged for one of the
    network, such that the most names fit. Then words in the middle of names are left out, of the
    file's or of the network's names, as long as more names fit. `base` are further words that a
    wrapper may use. Names that are equal while the shapes differ are in the result, too.
    """
    words = _WRAPPERS | set(base)
    targets, free = {}, dict(own)
    renamings = {name: [name] for name in file}
    for name in file:
        _take(name, name, file, free, targets)
    for is_first in (True, False):
        off, on = _best_prefixes(file, own, free, targets, words, is_first)
        for name, names in renamings.items():
            if (off or on) and name.startswith(off):
                names.append(on + name.removeprefix(off))
                if name not in targets:
                    _take(name, names[-1], file, free, targets)
    for _ in range(_MOST_INFIXES):
        votes = _vote_for_infixes(file, free, targets, renamings)
        if not votes:
            break
        for name, target in votes.items():
            _take(name, target, file, free, targets)
    for name, names in renamings.items():
        same_name = next((other for other in names if other in own), None)
        if name not in targets and same_name is not None:
            targets[name] = same_name
    return targets


def _take(name, target, file, free, targets):
    """Match two names if the network's is free and the shapes are equal."""
    if free.get(target) == file[name]:
        targets[name] = target
        del free[target]


def _best_prefixes(file, own, free, targets, words, is_first):
    """The prefix to remove from the file's names, and the one to put there instead.

    The first pair may be any two prefixes that are convincing: half of the names that have the
    one prefix fit. For the names that it leaves, only a prefix of a wrapper is removed.
    """
    of_file, of_own = _count_prefixes(file), _count_prefixes(own)
    to_add = [
        prefix
        for prefix, count in of_own.items()
        if 2 * count >= len(own) or _is_wrapper(prefix, words)
    ]
    # At first the names that are equal count too: there may be more with a prefix.
    goal = own if is_first else free
    fits = Counter()
    for name, shape in file.items():
        if is_first or name not in targets:
            for off in _prefixes(name):
                rest = name.removeprefix(off)
                fits.update((off, on) for on in to_add if goal.get(on + rest) == shape)

    def is_sound(off, on):
        if not off or _is_wrapper(off, words) or of_file[off] >= _COMMON * len(file):
            return True
        return is_first and 2 * fits[off, on] >= min(of_file[off], of_own[on])

    def preference(pair):
        off, on = pair
        return -fits[pair], not _is_wrapper(off, words), len(off) + len(on), len(on), pair

    sound = [pair for pair in fits if is_sound(*pair)]
    if sound:
        return min(sound, key=preference)
    common = [prefix for prefix, count in of_file.items() if count >= _COMMON * len(file)]
    return max(common, key=len, default=""), ""


def _count_prefixes(names):
    return Counter(prefix for name in names for prefix in _prefixes(name))


def _prefixes(name):
    """The beginnings of a name up to each dot, the empty one among them."""
    parts = name.split(".")
    return ["", *(".".join(parts[:depth]) + "." for depth in range(1, len(parts)))]


def _is_wrapper(prefix, words):
    parts = prefix.split(".")[:-1]
    return len(parts) <= _DEEPEST and all(part in words for part in parts)


def _vote_for_infixes(file, free, targets, renamings):
    """The matches by the one infix that most names share; none if no infix is convincing."""
    left = {other: name for name in file if name not in targets for other in renamings[name]}
    votes, holders = {}, Counter()
    for other, name in left.items():
        for infix, shorter in _without_infix(other):
            holders["file", infix] += 1
            if free.get(shorter) == file[name]:
                votes.setdefault(("file", infix), {})[name] = shorter
    for target, shape in free.items():
        for infix, shorter in _without_infix(target):
            holders["own", infix] += 1
            if shorter in left and file[left[shorter]] == shape:
                votes.setdefault(("own", infix), {})[left[shorter]] = target
    sound = [key for key, found in votes.items() if 2 * len(found) >= min(holders[key], len(free))]
    best = min(sound, key=lambda key: (-len(votes[key]), len(key[1]), key), default=None)
    return votes.get(best, {})


def _without_infix(name):
    """Each way to leave out words between the first and the last one of a name."""
    parts = name.split(".")
    for start in range(1, len(parts) - 1):
        for stop in range(start + 1, min(start + _DEEPEST, len(parts) - 1) + 1):
            yield tuple(parts[start:stop]), ".".join(parts[:start] + parts[stop:])
