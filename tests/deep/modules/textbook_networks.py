"""Networks written from their papers, with the names of submodules that torchvision gives them."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F


class Vgg(nn.Module):
    """Simonyan, Zisserman, ICLR 2015; also AlexNet, which has the same outline."""

    def __init__(self, features, hidden):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(hidden[1])
        n_in = hidden[0] * hidden[1] ** 2
        self.classifier = nn.Sequential(
            *(nn.Linear(n_in, 4096), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000)),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def vgg(widths):
    """`widths` holds numbers of channels, and "M" for max pooling."""
    layers, n_in = [], 3
    for width in widths:
        if width == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(n_in, width, 3, padding=1), nn.ReLU(inplace=True)]
            n_in = width
    return Vgg(nn.Sequential(*layers), (512, 7))


def vgg16():
    body = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]
    return vgg([item for width, n in body for item in [width] * n + ["M"]])


def vgg19():
    body = [(64, 2), (128, 2), (256, 4), (512, 4), (512, 4)]
    return vgg([item for width, n in body for item in [width] * n + ["M"]])


def alexnet():
    """Krizhevsky 2014."""
    relu = nn.ReLU
    features = nn.Sequential(
        *(nn.Conv2d(3, 64, 11, 4, 2), relu(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), relu(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), relu()),
        *(nn.Conv2d(384, 256, 3, padding=1), relu()),
        *(nn.Conv2d(256, 256, 3, padding=1), relu(), nn.MaxPool2d(3, 2)),
    )
    return Vgg(features, (256, 6))


class Fire(nn.Module):
    """Iandola et al. 2016: a thin convolution, then small and large ones side by side."""

    def __init__(self, n_in, thin, wide):
        super().__init__()
        self.squeeze = nn.Conv2d(n_in, thin, 1)
        self.expand1x1 = nn.Conv2d(thin, wide, 1)
        self.expand3x3 = nn.Conv2d(thin, wide, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """SqueezeNet 1.0 (Iandola et al. 2016)."""

    def __init__(self):
        super().__init__()
        pool = {"kernel_size": 3, "stride": 2, "ceil_mode": True}
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 96, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(**pool)),
            *(Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), nn.MaxPool2d(**pool)),
            *(Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256)),
            *(nn.MaxPool2d(**pool), Fire(512, 64, 256)),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)


class Shortcut(nn.Module):
    """He et al., CVPR 2016, option A: every second pixel, and zeros for the new channels."""

    def __init__(self, n_new):
        super().__init__()
        self.n_new = n_new

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.n_new // 2, self.n_new // 2))


class CifarBlock(nn.Module):
    """Two convolutions and the shortcut."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, n_out // n_in, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.shortcut = Shortcut(n_out - n_in) if n_out > n_in else nn.Sequential()

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet20(nn.Module):
    """ResNet-20 for images of 32 x 32 pixels (He et al., CVPR 2016, section 4.2)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        for number, (n_in, n_out) in enumerate([(16, 16), (16, 32), (32, 64)], start=1):
            blocks = [CifarBlock(n_in, n_out), *(CifarBlock(n_out, n_out) for _ in range(2))]
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean(dim=(2, 3)))


class Unit(nn.Module):
    """Convolution, batch-norm, rectifier: the unit of Inception v3."""

    def __init__(self, n_in, n_out, size, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(n_out, eps=1e-3)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Mixed(nn.Module):
    """Branches side by side, put together; `pool` is what the last one begins with."""

    def __init__(self, n_in, branches, pool=None):
        super().__init__()
        self.branches = nn.ModuleList()
        for units in branches:
            chain, n = [], n_in
            for n_out, *geometry in units:
                chain.append(Unit(n, n_out, *geometry))
                n = n_out
            self.branches.append(nn.Sequential(*chain))
        self.pool = pool

    def forward(self, x):
        pooled = F.max_pool2d(x, 3, 2) if self.pool == "max" else F.avg_pool2d(x, 3, 1, 1)
        inputs = [x] * (len(self.branches) - 1) + [pooled]
        return torch.cat([b(i) for b, i in zip(self.branches, inputs, strict=True)], 1)


def _mixed5(n_in, n_pool):
    return Mixed(
        n_in,
        [
            [(64, 1)],
            [(48, 1), (64, 5, 1, 2)],
            [(64, 1), (96, 3, 1, 1), (96, 3, 1, 1)],
            [(n_pool, 1)],
        ],
    )


def _mixed6(n):
    row, column = ((1, 7), 1, (0, 3)), ((7, 1), 1, (3, 0))
    return Mixed(
        768,
        [
            [(192, 1)],
            [(n, 1), (n, *row), (192, *column)],
            [(n, 1), (n, *column), (n, *row), (n, *column), (192, *row)],
            [(192, 1)],
        ],
    )


class Forked(nn.Module):
    """A unit, then a row and a column side by side."""

    def __init__(self, *units):
        super().__init__()
        self.stem = nn.Sequential(*units)
        self.row = Unit(384, 384, (1, 3), 1, (0, 1))
        self.column = Unit(384, 384, (3, 1), 1, (1, 0))

    def forward(self, x):
        x = self.stem(x)
        return torch.cat([self.row(x), self.column(x)], 1)


def _mixed7(n_in):
    mixed = Mixed(n_in, [[(320, 1)], [(384, 1)], [(384, 1)], [(192, 1)]])
    mixed.branches[1] = Forked(Unit(n_in, 384, 1))
    mixed.branches[2] = Forked(Unit(n_in, 448, 1), Unit(448, 384, 3, 1, 1))
    return mixed


class InceptionV3(nn.Module):
    """Szegedy et al., CVPR 2016, without the auxiliary classifier."""

    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3, self.Conv2d_2a_3x3 = Unit(3, 32, 3, 2), Unit(32, 32, 3)
        self.Conv2d_2b_3x3, self.maxpool1 = Unit(32, 64, 3, 1, 1), nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1, self.Conv2d_4a_3x3 = Unit(64, 80, 1), Unit(80, 192, 3)
        self.maxpool2 = nn.MaxPool2d(3, 2)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = (
            _mixed5(192, 32),
            _mixed5(256, 64),
            _mixed5(288, 64),
        )
        self.Mixed_6a = Mixed(
            288, [[(384, 3, 2)], [(64, 1), (96, 3, 1, 1), (96, 3, 2)], []], pool="max"
        )
        for letter, n in zip("bcde", (128, 160, 160, 192), strict=True):
            setattr(self, f"Mixed_6{letter}", _mixed6(n))
        seven = [(192, 1), (192, (1, 7), 1, (0, 3)), (192, (7, 1), 1, (3, 0)), (192, 3, 2)]
        self.Mixed_7a = Mixed(768, [[(192, 1), (320, 3, 2)], seven, []], pool="max")
        self.Mixed_7b, self.Mixed_7c = _mixed7(1280), _mixed7(2048)
        self.avgpool, self.dropout = nn.AdaptiveAvgPool2d(1), nn.Dropout()
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x):
        for name, module in self.named_children():
            if name == "fc":
                x = torch.flatten(x, 1)
            x = module(x)
        return x


class Separable(nn.Module):
    """A convolution of each channel, then one over channels."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_in, 3, 1, 1, groups=n_in, bias=False)
        self.pointwise = nn.Conv2d(n_in, n_out, 1, bias=False)

    def forward(self, x):
        return self.pointwise(self.conv1(x))


class XceptionBlock(nn.Module):
    """Separable convolutions with a shortcut, halved by max pooling where the stride is 2."""

    def __init__(self, widths, stride, rectify_first=True):
        super().__init__()
        layers = []
        for n_in, n_out in pairwise(widths):
            layers += [nn.ReLU(), Separable(n_in, n_out), nn.BatchNorm2d(n_out)]
        layers = layers if rectify_first else layers[1:]
        self.rep = nn.Sequential(*layers, *([nn.MaxPool2d(3, 2, 1)] if stride == 2 else []))
        self.skip = None
        if stride == 2:
            self.skip = nn.Sequential(
                nn.Conv2d(widths[0], widths[-1], 1, 2, bias=False), nn.BatchNorm2d(widths[-1])
            )

    def forward(self, x):
        return self.rep(x) + (x if self.skip is None else self.skip(x))


class Xception(nn.Module):
    """Chollet, CVPR 2017."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, 2, bias=False)
        self.bn1, self.act1 = nn.BatchNorm2d(32), nn.ReLU()
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.bn2, self.act2 = nn.BatchNorm2d(64), nn.ReLU()
        self.block1 = XceptionBlock([64, 128, 128], 2, rectify_first=False)
        self.block2 = XceptionBlock([128, 256, 256], 2)
        self.block3 = XceptionBlock([256, 728, 728], 2)
        for number in range(4, 12):
            setattr(self, f"block{number}", XceptionBlock([728] * 4, 1))
        self.block12 = XceptionBlock([728, 728, 1024], 2)
        self.conv3, self.bn3, self.act3 = Separable(1024, 1536), nn.BatchNorm2d(1536), nn.ReLU()
        self.conv4, self.bn4, self.act4 = Separable(1536, 2048), nn.BatchNorm2d(2048), nn.ReLU()
        self.global_pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(2048, 1000)

    def forward(self, x):
        for name, module in self.named_children():
            if name == "fc":
                x = torch.flatten(x, 1)
            x = module(x)
        return x
