"""The networks of the field's textbooks, known by name: preprocessing, stages, pooled features."""

from dataclasses import dataclass

from sktransfer.deep._preprocessing import PHOTO_CROP, Preprocessing

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
_HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


@dataclass(frozen=True)
class Textbook:
    """What is known of a network without its weights.

    Parameters
    ----------
    name : str
        The network's name.
    preprocessing : Preprocessing
        With which its weights are used.
    stages : dict of str to tuple of str
        For each library that has it ("torchvision", "timm", "hf") the cut points in its spelling.
    features : tuple of int
        The number of pooled features of each stage.
    reference : str
        Where it comes from.
    """

    name: str
    preprocessing: Preprocessing
    stages: dict
    features: tuple[int, ...]
    reference: str


def _photos(size, *, crop=PHOTO_CROP, resize="bilinear", values=_IMAGENET):
    return Preprocessing(size=(size, size), channels=3, resize=resize, crop=crop, **values)


def _numbered(pattern, numbers):
    return tuple(pattern.format(number) for number in numbers)


_RESNET = {
    "torchvision": ("relu", "layer1", "layer2", "layer3", "layer4"),
    "timm": ("act1", "layer1", "layer2", "layer3", "layer4"),
    "hf": ("resnet.embedder.embedder", *_numbered("resnet.encoder.stages.{}", range(4))),
}

_NETWORKS = (
    Textbook(
        "alexnet",
        _photos(224),
        {"torchvision": _numbered("features.{}", (1, 4, 11, 12))},
        (64, 192, 256, 256),
        "Krizhevsky. One weird trick for parallelizing convolutional neural networks. 2014. "
        "https://arxiv.org/abs/1404.5997",
    ),
    Textbook(
        "vgg16",
        _photos(224),
        {
            "torchvision": _numbered("features.{}", (3, 8, 15, 22, 29, 30)),
            "timm": _numbered("features.{}", (3, 8, 15, 22, 29, 30)),
        },
        (64, 128, 256, 512, 512, 512),
        "Simonyan, Zisserman. Very deep convolutional networks for large-scale image recognition. "
        "ICLR 2015. https://arxiv.org/abs/1409.1556",
    ),
    Textbook(
        "vgg19",
        _photos(224),
        {
            "torchvision": _numbered("features.{}", (3, 8, 17, 26, 35, 36)),
            "timm": _numbered("features.{}", (3, 8, 17, 26, 35, 36)),
        },
        (64, 128, 256, 512, 512, 512),
        "Simonyan, Zisserman. Very deep convolutional networks for large-scale image recognition. "
        "ICLR 2015. https://arxiv.org/abs/1409.1556",
    ),
    Textbook(
        "inception_v3",
        _photos(299, crop=299 / 342),
        {
            "torchvision": (
                "Conv2d_2b_3x3",
                "Conv2d_4a_3x3",
                "Mixed_5d",
                "Mixed_6e",
                "Mixed_7c",
            ),
            "timm": ("Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5d", "Mixed_6e", "Mixed_7c"),
        },
        (64, 192, 288, 768, 2048),
        "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna. Rethinking the Inception architecture for "
        "computer vision. CVPR 2016. https://arxiv.org/abs/1512.00567",
    ),
    Textbook(
        "xception",
        _photos(299, crop=299 / 333, resize="bicubic", values=_HALF),
        {"timm": ("act2", "block1", "block2", "block11", "act4")},
        (64, 128, 256, 728, 2048),
        "Chollet. Xception: Deep learning with depthwise separable convolutions. CVPR 2017. "
        "https://arxiv.org/abs/1610.02357",
    ),
    Textbook(
        "resnet18",
        _photos(224),
        _RESNET,
        (64, 64, 128, 256, 512),
        "He, Zhang, Ren, Sun. Deep residual learning for image recognition. CVPR 2016. "
        "https://arxiv.org/abs/1512.03385",
    ),
    Textbook(
        "resnet50",
        _photos(224),
        _RESNET,
        (64, 256, 512, 1024, 2048),
        "He, Zhang, Ren, Sun. Deep residual learning for image recognition. CVPR 2016. "
        "https://arxiv.org/abs/1512.03385",
    ),
    Textbook(
        "mobilenet_v2",
        _photos(224),
        {
            "torchvision": _numbered("features.{}", (1, 3, 6, 13, 18)),
            "timm": (*_numbered("blocks.{}", (0, 1, 2, 4)), "bn2"),
            "hf": (
                "mobilenet_v2.conv_stem",
                *_numbered("mobilenet_v2.layer.{}", (1, 4, 11)),
                "mobilenet_v2.conv_1x1",
            ),
        },
        (16, 24, 32, 96, 1280),
        "Sandler, Howard, Zhu, Zhmoginov, Chen. MobileNetV2: Inverted residuals and linear "
        "bottlenecks. CVPR 2018. https://arxiv.org/abs/1801.04381",
    ),
    Textbook(
        "convnext_tiny",
        _photos(224, crop=224 / 236),
        {
            "torchvision": _numbered("features.{}", (1, 3, 5, 7)),
            "timm": _numbered("stages.{}", range(4)),
            "hf": _numbered("convnext.encoder.stages.{}", range(4)),
        },
        (96, 192, 384, 768),
        "Liu, Mao, Wu, Feichtenhofer, Darrell, Xie. A ConvNet for the 2020s. CVPR 2022. "
        "https://arxiv.org/abs/2201.03545",
    ),
    Textbook(
        "vit_b_16",
        _photos(224),
        {
            "torchvision": (
                *_numbered("encoder.layers.encoder_layer_{}", (2, 5, 8, 11)),
                "encoder.ln",
            ),
            "timm": (*_numbered("blocks.{}", (2, 5, 8, 11)), "norm"),
            "hf": (*_numbered("vit.layers.{}", (2, 5, 8, 11)), "vit.layernorm"),
        },
        (768, 768, 768, 768, 768),
        "Dosovitskiy et al. An image is worth 16x16 words: Transformers for image recognition at "
        "scale. ICLR 2021. https://arxiv.org/abs/2010.11929",
    ),
)

TEXTBOOK = {network.name: network for network in _NETWORKS}
