"""Which parts of a step take `sample_domain`, and how a step is called so that they get it."""

from inspect import Parameter, signature

from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metadata_routing import MetadataRequest, MetadataRouter, get_routing_for_object

from sktransfer._messages import cause, warn
from sktransfer._sklearn import COMPOSITE_METHODS, _routing_enabled
from sktransfer.exceptions import TransferWarning


def call(method, *args, sample_domain=None, **params):
    """Call a method of a step, with the domains of the rows if it takes them.

    A composition of scikit-learn hands `sample_domain` on to its parts under metadata routing,
    which is then on for this call. It stays off if the call has other parameters that no part
    requests, because routing would refuse these.
    """
    if sample_domain is None or not takes_domain(method):
        return method(*args, **params)
    if "sample_domain" in _parameters(method):
        return method(*args, sample_domain=sample_domain, **params)
    owner, name = method.__self__, method.__name__
    given = [param for param, value in params.items() if value is not None]
    unrequested = [param for param in given if not _consumes(owner, name, param)[0]]
    routed = _routing_enabled() or not unrequested
    try:
        with config_context(enable_metadata_routing=routed):
            return method(*args, sample_domain=sample_domain, **params)
    except (TypeError, ValueError) as error:
        message = _explained(error, owner, unrequested)
        if message is None:
            raise
        raise type(error)(message) from error


def _explained(error, owner, unrequested):
    """Return a clear message for an error of scikit-learn's routing; None for other errors."""
    name = type(owner).__name__
    if isinstance(error, TypeError) and "unexpected keyword argument 'sample_domain'" in str(error):
        return (
            f"{name} hands sample_domain on to a part that does not take it ({cause(error)}). Put "
            "that part into a transfer pipeline of its own, for a stack as in "
            "final_estimator=make_transfer_pipeline(LogisticRegression())."
        )
    if unrequested and type(error) is ValueError and "enable_metadata_routing" in str(error):
        return (
            f"{name} takes {', '.join(unrequested)} beside sample_domain only if its parts request "
            "it: make them with requests, as in LogisticRegression().set_fit_request("
            "sample_weight=True), under sklearn.config_context(enable_metadata_routing=True)."
        )
    return None


def takes_domain(method):
    """Tell whether a method of a step takes `sample_domain`, itself or for one of its parts."""
    parameters = _parameters(method)
    if "sample_domain" in parameters:
        return True
    if not any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values()):
        return False
    owner = getattr(method, "__self__", None)
    return hasattr(owner, "get_metadata_routing") and _consumes(owner, method.__name__)[0]


def _parameters(method):
    try:
        return signature(method).parameters
    except (TypeError, ValueError):  # of a compiled method
        return {}


def _consumes(step, method, param="sample_domain"):
    """Return whether routing hands `param` on in a method of a step, and why it cannot if so.

    Routing is on when it is asked for: without it, that of some estimators (RidgeCV) refers to
    itself without end. Some others have none (AdaBoostClassifier), or a faulty one.
    """
    try:
        with config_context(enable_metadata_routing=True):
            return bool(get_routing_for_object(step).consumes(method, {param})), None
    except Exception as error:
        return False, error


def routable(step):
    """Return a step, or an empty request for one whose routing cannot be asked for."""
    try:
        with config_context(enable_metadata_routing=True):
            get_routing_for_object(step)
    except Exception:
        return MetadataRequest(owner=type(step).__name__)
    return step


def is_estimator(part):
    """Tell an estimator from its class and from any other parameter."""
    return hasattr(part, "fit") and hasattr(part, "get_params") and not isinstance(part, type)


def parts_of(step):
    """Yield the estimators directly inside of an estimator, as its parameters show them."""
    if hasattr(step, "get_params") and not isinstance(step, FrozenEstimator):
        params = step.get_params(deep=True).items()
        yield from (part for name, part in params if "__" not in name and is_estimator(part))


def _askers(step):
    """Yield the outermost estimators in a step, or itself, whose `fit` takes `sample_domain`."""
    if isinstance(step, FrozenEstimator):  # its fit does nothing
        return
    if "sample_domain" in _parameters(step.fit):
        yield step
        return
    for part in parts_of(step):
        yield from _askers(part)


def _receivers(routing, method):
    """Yield the estimators that a method hands `sample_domain` on to."""
    methods = {method, *COMPOSITE_METHODS.get(method, ())}
    if not isinstance(routing, MetadataRouter):
        simple = methods - COMPOSITE_METHODS.keys()
        if any(routing.consumes(name, {"sample_domain"}) for name in simple):
            yield routing.owner
        return
    for _, (mapping, router) in routing:
        for caller, callee in mapping:
            if caller in methods:
                yield from _receivers(router, callee)


def _unreached(step):
    """Return the estimators in a step that ask for `sample_domain` and do not get it, and why."""
    askers = [asker for asker in _askers(step) if asker is not step]
    if not askers:
        return [], None
    methods = [name for name in ("fit", "fit_transform") if hasattr(step, name)]
    if not any(takes_domain(getattr(step, name)) for name in methods):
        return askers, _consumes(step, "fit")[1]
    with config_context(enable_metadata_routing=True):
        routing = get_routing_for_object(step)
        reached = [owner for name in methods for owner in _receivers(routing, name)]
    reached.append(getattr(step, "final_estimator", None))  # a stack's, which its routing forgets
    return [a for a in askers if not any(a is owner for owner in reached)], None


def warn_of_domains(steps, *, has_sources, is_given):
    """Warn if `sample_domain` was forgotten, or if it does not reach a part that asks for it.

    Parameters
    ----------
    steps : list of (str, estimator)
    has_sources : bool
        Whether there are source rows.
    is_given : bool
        Whether `sample_domain` is given; a fit on target rows alone can be meant.
    """
    steps = [(name, step) for name, step in steps if hasattr(step, "fit")]
    if not is_given:
        asking = [type(step).__name__ for _, step in steps if takes_domain(step.fit)]
        if asking:
            warn(
                f"sample_domain is None, so every row counts as a target row and {asking[0]} "
                "transfers nothing; pass sample_domain= to fit (in cross_val_score "
                "params={'sample_domain': ...}), 'target' in every entry if that is meant.",
                TransferWarning,
            )
    for name, step in steps if has_sources else []:
        missed, error = _unreached(step)
        if missed:
            names = ", ".join(dict.fromkeys(type(asker).__name__ for asker in missed))
            why = cause(error) if error else f"{type(step).__name__} does not hand it on"
            warn(
                f"sample_domain does not reach {names} inside of the step {name!r}, in which every "
                f"row then counts as a target row ({why}). Make {names} a step of the transfer "
                "pipeline itself, or replace a plain pipeline around it by make_transfer_pipeline.",
                TransferWarning,
            )
