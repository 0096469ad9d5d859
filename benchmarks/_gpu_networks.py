"""Large networks in plain torch with random weights, and the same ones small."""

import math

import torch
from torch import nn
from torch.nn import functional


def make_networks(*, tiny=False):
    """Return ResNet-50, ViT-B/16 and ConvNeXt-B up to their last map or tokens, by name.

    With `tiny` they are of the same kinds, with few layers and channels.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if tiny:
            return {
                "a small ResNet": resnet((1, 1, 1, 1), 8),
                "a small ViT": Transformer(32, n_layers=2, n_heads=2, patch=8, size=32),
                "a small ConvNeXt": convnext((1, 1, 1, 1), 8),
            }
        return {
            "ResNet-50": resnet((3, 4, 6, 3), 64),
            "ViT-B/16": Transformer(768, n_layers=12, n_heads=12, patch=16, size=224),
            "ConvNeXt-B": convnext((3, 3, 27, 3), 128),
        }


def _normalized(n_in, n_out, kernel, stride=1):
    return [
        nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(n_out),
    ]


class Bottleneck(nn.Module):
    """Three convolutions, beside a shortcut: He, Zhang, Ren, Sun, CVPR 2016."""

    def __init__(self, n_in, width, stride):
        super().__init__()
        self.body = nn.Sequential(
            *_normalized(n_in, width, 1),
            nn.ReLU(),
            *_normalized(width, width, 3, stride),
            nn.ReLU(),
            *_normalized(width, 4 * width, 1),
        )
        same = stride == 1 and n_in == 4 * width
        shortcut = [] if same else _normalized(n_in, 4 * width, 1, stride)
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x):
        return functional.relu(self.body(x) + self.shortcut(x))


def resnet(depths, width):
    """ResNet up to its last map."""
    stages, n_in = [], width
    for number, depth in enumerate(depths):
        inner, blocks = width * 2**number, []
        for block in range(depth):
            blocks.append(Bottleneck(n_in, inner, 2 if number and not block else 1))
            n_in = 4 * inner
        stages.append(nn.Sequential(*blocks))
    stem = nn.Sequential(*_normalized(3, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(stem, *stages).eval()


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads, self.into, self.out = (
            n_heads,
            nn.Linear(width, 3 * width),
            nn.Linear(width, width),
        )

    def forward(self, x):
        n, length, width = x.shape
        shape = n, length, 3, self.n_heads, width // self.n_heads
        q, k, v = self.into(x).reshape(shape).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(n, length, width))


class Layer(nn.Module):
    """A layer of a transformer, normalized before each of its two parts."""

    def __init__(self, width, n_heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, n_heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """A vision transformer up to its last tokens: Dosovitskiy et al., ICLR 2021."""

    def __init__(self, width, *, n_layers, n_heads, patch, size):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width) / math.sqrt(width))
        n_tokens = (size // patch) ** 2 + 1
        self.positions = nn.Parameter(torch.randn(1, n_tokens, width) / math.sqrt(width))
        self.layers = nn.Sequential(*(Layer(width, n_heads) for _ in range(n_layers)))
        self.norm = nn.LayerNorm(width)
        self.eval()

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.positions
        return self.norm(self.layers(x))


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of a map."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A block of ConvNeXt: Liu et al., CVPR 2022."""

    def __init__(self, width):
        super().__init__()
        self.mix = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        mixed = self.mlp(self.mix(x).permute(0, 2, 3, 1)) * self.scale
        return x + mixed.permute(0, 3, 1, 2)


def convnext(depths, width):
    """ConvNeXt up to its last map."""
    parts, n_in = [], 3
    for number, depth in enumerate(depths):
        side, n_out = (2 if number else 4), width * 2**number
        change = [nn.Conv2d(n_in, n_out, side, side)]
        change = [ChannelNorm(n_in), *change] if number else [*change, ChannelNorm(n_out)]
        parts.append(nn.Sequential(*change, *(Block(n_out) for _ in range(depth))))
        n_in = n_out
    return nn.Sequential(*parts).eval()
