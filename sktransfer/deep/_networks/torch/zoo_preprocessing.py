"""How model zoos describe their preprocessing, translated into ours."""

from sktransfer._messages import shown
from sktransfer.deep._preprocessing import PHOTO_CROP, Preprocessing

_PILLOW_FILTERS = {2: "bilinear", 3: "bicubic"}


def own_preprocessing(module):
    """How a module says itself that images become its input, as timm's networks do; or None."""
    config = getattr(module, "pretrained_cfg", None) or getattr(module, "default_cfg", None)
    if isinstance(config, dict) and {"input_size", "mean", "std"} <= config.keys():
        return from_timm(config, f"a {type(module).__name__}")
    return None


def from_transformers(fields, of):
    """Translate the `to_dict` of an image processor of transformers."""
    size, crop = _hf_geometry(fields, of)
    factor = 255 * fields.get("rescale_factor", 1 / 255) if fields.get("do_rescale", True) else 255
    if fields.get("rescale_offset") or fields.get("include_top"):
        raise ValueError(_untold(of, "shifts or scales values twice"))
    mean, std = (0.0,) * 3, (1.0,) * 3
    if fields.get("do_normalize", True):
        mean, std = fields["image_mean"], fields["image_std"]
    return Preprocessing(
        size=size,
        channels=len(mean),
        mean=tuple(value / factor for value in mean),
        std=tuple(value / factor for value in std),
        resize=_filter(int(fields.get("resample", 2)), of),
        crop=crop,
        channel_order="bgr" if fields.get("do_flip_channel_order") else "rgb",
    )


def _hf_geometry(fields, of):
    """The size of the input, and its share of the resized image."""
    size = fields.get("size") or {}
    edge = size.get("shortest_edge") if isinstance(size, dict) else size
    if not fields.get("do_resize", True):
        raise ValueError(_untold(of, "resizes no image"))
    if edge is not None and "crop_pct" in fields:
        # ConvNeXT's processor: below 384 pixels a crop of a larger image, from there on squashed.
        share = None if edge >= 384 else edge / int(edge / fields["crop_pct"])
        return (edge, edge), share
    sides = None if edge is not None else (size.get("height"), size.get("width"))
    if sides is not None and None in sides:
        raise ValueError(_untold(of, f"has size={shown(size)}"))
    if not fields.get("do_center_crop"):
        if sides is None:
            raise ValueError(_untold(of, "crops no image to one size"))
        return sides, None
    crop = fields.get("crop_size") or size
    crop = (crop["height"], crop["width"]) if isinstance(crop, dict) else (crop, crop)
    if sides == crop:
        return crop, None
    if sides is not None or min(crop) > edge:
        raise ValueError(_untold(of, f"crops size={shown(size)} to {crop}"))
    return crop, min(crop) / edge


def _filter(resample, of):
    """The name of an interpolation, which comes as Pillow's number or as a name."""
    name = _PILLOW_FILTERS.get(resample, resample)
    if name not in _PILLOW_FILTERS.values():
        number = isinstance(resample, int)
        how = f"Pillow's filter {resample}" if number else shown(resample)
        raise ValueError(_untold(of, f"resizes with {how}"))
    return name


def _untold(of, what):
    return (
        f"{of}: its own preprocessing {what}, which is not supported; pass a Preprocessing as "
        "preprocessing= that comes nearest."
    )


def from_torchvision(transforms, of):
    """Translate the transforms that belong to torchvision's weights."""
    (crop,), (edge,) = transforms.crop_size, transforms.resize_size
    interpolation = getattr(transforms.interpolation, "value", transforms.interpolation)
    interpolation = _filter(interpolation, of)
    return Preprocessing(
        size=(crop, crop),
        channels=len(transforms.mean),
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        resize=interpolation,
        crop=crop / edge,
    )


def from_timm(config, of):
    """Translate the configuration that timm's networks carry."""
    channels, height, width = config["input_size"]
    interpolation = _filter(config.get("interpolation") or "bilinear", of)
    mode = config.get("crop_mode") or "center"
    if mode not in ("center", "squash"):
        raise ValueError(_untold(of, f"crops in the mode {shown(mode)}"))
    share = config.get("crop_pct") or PHOTO_CROP
    if mode == "squash" and share != 1:
        raise ValueError(_untold(of, f"squashes to {1 / share:.3g} times the input and crops"))
    # timm rounds the larger size down.
    exact = min(height, width) / int(min(height, width) / share)
    return Preprocessing(
        size=(height, width),
        channels=channels,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        resize=interpolation,
        crop=exact if mode == "center" else None,
    )
