"""Change log-mel frames of words at random: room, microphone, noise, pace and vocal tract."""

import numpy as np
import torch
from torch.nn import functional as F

N_FRAMES = 96
"""Frames that the network hears at once."""

N_BANDS = 32

STRIDE = 4
"""Frames between the last steps of the network."""

SPAN = 60.0
"""Decibels between the loudest and the quietest value of an input."""

EDGE = 2.0
"""Frames of silence at each end of a clip."""

LOWEST = -40.0
"""The level around a clip, in decibels."""

DISTORTION = {
    "pace": [0.7, 1.4],
    "uneven_pace": 0.2,
    "tract": [0.9, 1.12],
    "off_centre": 0.08,
    "contrast": [0.8, 1.25],
    "texture": [0.0, 5.0],
    "blur": 0.25,
    "tilt": 7.0,
    "bumps": 4.0,
    "low_cut": 0.4,
    "high_cut": 0.3,
    "room": 0.4,
    "decay": [1.0, 8.0],
    "echo": [-25.0, -3.0],
    "noise": 0.6,
    "signal_to_noise": [3.0, 45.0],
    "babble": 0.15,
    "cut": 0.75,
    "margins": [-2.0, 12.0],
    "masked_bands": 4,
    "masked_frames": 6,
}
"""Probabilities, ranges and standard deviations; levels in dB, times in frames."""


def uniform(shape, bounds, generator):
    """Draw numbers uniformly.

    Parameters
    ----------
    shape : tuple of int
    bounds : sequence of two floats
    generator : torch.Generator

    Returns
    -------
    tensor
    """
    low, high = bounds
    return low + (high - low) * torch.rand(shape, generator=generator)


def chance(n, probability, generator):
    """Toss a coin for each clip.

    Parameters
    ----------
    n : int
    probability : float
    generator : torch.Generator

    Returns
    -------
    tensor of shape (n, 1, 1), bool
    """
    return torch.rand((n, 1, 1), generator=generator) < probability


def smooth_curve(n, length, knots, spread, generator):
    """Draw a smooth curve for each clip, through normal numbers at equal distances.

    Parameters
    ----------
    n, length, knots : int
        Number of curves, of their values, and of the drawn numbers.
    spread : float
        Standard deviation.
    generator : torch.Generator

    Returns
    -------
    tensor of shape (n, length)
    """
    drawn = spread * torch.randn((n, 1, knots), generator=generator)
    return F.interpolate(drawn, size=length, mode="linear", align_corners=True)[:, 0]


class Distorter:
    """Batches of distorted words.

    Parameters
    ----------
    clips : Clips
    generator : torch.Generator
    options : dict, default=DISTORTION
    """

    def __init__(self, clips, generator, options=None):
        self.options = DISTORTION if options is None else options
        self.generator = generator
        self.frames = torch.from_numpy(clips.frames)
        self.start = torch.from_numpy(np.ascontiguousarray(clips.start))
        self.length = torch.from_numpy(np.ascontiguousarray(clips.length))
        self.word = torch.from_numpy(np.ascontiguousarray(clips.word))
        self.phoneme = torch.from_numpy(clips.phoneme)

    def batch(self, n):
        """Draw clips, and distort each.

        Parameters
        ----------
        n : int

        Returns
        -------
        inputs : tensor of shape (n, 1, 96, 32)
            As the network takes them: decibels over 10, plus 2.
        word : tensor of shape (n,)
        phoneme : tensor of shape (n, 24)
            Of the frames in the middle of the network's last steps.
        """
        rows = torch.randint(len(self.length), (n,), generator=self.generator)
        inputs, phoneme = self.distort(rows)
        return inputs, self.word[rows], phoneme

    def distort(self, rows):
        """Distort some clips.

        Parameters
        ----------
        rows : tensor of shape (n,), int

        Returns
        -------
        inputs : tensor of shape (n, 1, 96, 32)
        phoneme : tensor of shape (n, 24)
        """
        decibels, phoneme, ends = self._place(rows)
        power = self._texture(decibels)
        power = self._room(power)
        power = self._microphone(power)
        power = self._noise(power)
        kept = self._cut(ends)
        decibels = 10 * torch.log10(power * kept + 1e-12)
        loudest = decibels.amax(dim=(1, 2), keepdim=True)
        decibels = torch.maximum(decibels, loudest - SPAN)
        phoneme = torch.where(kept[..., 0] > 0.5, phoneme, 0)
        return self._mask(decibels / 10 + 2)[:, None], phoneme[:, STRIDE // 2 :: STRIDE]

    def _place(self, rows):
        """Put words into the frames of the input, at another pace and with another tract."""
        n, options, generator = len(rows), self.options, self.generator
        length = self.length[rows].float()[:, None]
        pace = uniform((n, 1), options["pace"], generator)
        pace = pace * torch.exp(smooth_curve(n, N_FRAMES, 9, options["uneven_pace"], generator))
        pace = pace * torch.clamp(length / pace.sum(dim=1, keepdim=True), min=1)
        times = pace.cumsum(dim=1)
        middle = N_FRAMES // 2 + options["off_centre"] * N_FRAMES * torch.randn(
            (n, 1), generator=generator
        ).clamp(-2, 2)
        times = times - times.gather(1, middle.long().clamp(0, N_FRAMES - 1)) + (length - 1) / 2
        times = times + torch.rand((n, 1), generator=generator)
        bends = uniform((n, 1), options["tract"], generator)
        bands = torch.arange(N_BANDS)[None] * bends + smooth_curve(n, N_BANDS, 4, 0.4, generator)
        bands = bands.clamp(0, N_BANDS - 1)
        inside = (times > -0.5) & (times < length - 0.5)
        spoken = (times > EDGE) & (times < length - 1 - EDGE)
        frames = torch.arange(N_FRAMES)[None]
        ends = (
            torch.where(spoken, frames, N_FRAMES).amin(dim=1),
            torch.where(spoken, frames, -1).amax(dim=1),
        )
        times = torch.minimum(times.clamp(min=0), length - 1)
        first = times.long()
        second = torch.minimum(first + 1, self.length[rows][:, None] - 1)
        start, part = self.start[rows][:, None], (times - first)[..., None]
        before, after = self.frames[start + first].float(), self.frames[start + second].float()
        decibels = before + part * (after - before)
        low = bands.long()
        high = (low + 1).clamp(max=N_BANDS - 1)
        low, high = (i[:, None].expand(-1, N_FRAMES, -1) for i in (low, high))
        part = (bands - bands.floor())[:, None]
        decibels = decibels.gather(2, low) * (1 - part) + decibels.gather(2, high) * part
        decibels = torch.where(inside[..., None], decibels, torch.tensor(LOWEST))
        phoneme = torch.where(inside, self.phoneme[start + first].long(), 0)
        return decibels, phoneme, ends

    def _texture(self, decibels):
        """Change levels smoothly over time and pitch, and how far they differ; blur bands."""
        n, options, generator = len(decibels), self.options, self.generator
        contrast = uniform((n, 1, 1), options["contrast"], generator)
        loudest = decibels.amax(dim=(1, 2), keepdim=True)
        drawn = torch.randn((n, 1, 9, 6), generator=generator)
        field = F.interpolate(drawn, (N_FRAMES, N_BANDS), mode="bilinear", align_corners=True)
        field = field[:, 0] * uniform((n, 1, 1), options["texture"], generator)
        power = 10 ** ((contrast * (decibels - loudest) + field) / 10)
        share = uniform((n, 1, 1), (0, options["blur"]), generator)
        padded = F.pad(power, (1, 1), mode="replicate")
        return (1 - 2 * share) * power + share * (padded[..., :-2] + padded[..., 2:])

    def _cut(self, ends):
        """Say which frames lie in the recording; there is digital silence around it."""
        n, options, generator = len(ends[0]), self.options, self.generator
        frames = torch.arange(N_FRAMES)[None]
        before, after = (uniform((n, 1), options["margins"], generator) for _ in range(2))
        first, last = ends[0][:, None] - before, ends[1][:, None] + after
        kept = ((frames - first).clamp(0, 1) * (last - frames).clamp(0, 1))[..., None]
        return torch.where(chance(n, options["cut"], generator), kept, 1.0)

    def _room(self, power):
        """Add echoes whose power decays exponentially."""
        n, options, generator = len(power), self.options, self.generator
        decay = uniform((n, 1, 1), options["decay"], generator)
        level = 10 ** (uniform((n, 1, 1), options["echo"], generator) / 10)
        level = (
            level
            * chance(n, options["room"], generator)
            * torch.exp(smooth_curve(n, N_BANDS, 4, 0.5, generator))[:, None]
        )
        delays = torch.arange(1, 25)[None, None]
        kernel = torch.exp(-delays / decay).flip(2)
        padded = F.pad(power, (0, 0, delays.shape[2], 0)).transpose(1, 2)
        windows = padded.unfold(2, delays.shape[2], 1)[..., :N_FRAMES, :]
        echo = torch.einsum("nbtk,nk->ntb", windows, kernel[:, 0])
        return power + level * echo

    def _microphone(self, power):
        """Filter by a random curve, and cut low or high frequencies off."""
        n, options, generator = len(power), self.options, self.generator
        curve = smooth_curve(n, N_BANDS, 2, options["tilt"], generator)
        curve = curve + smooth_curve(n, N_BANDS, 7, options["bumps"], generator)
        bands = torch.arange(N_BANDS)[None]
        edge = uniform((n, 1), (0, 7), generator)
        low = chance(n, options["low_cut"], generator)[..., 0] * (edge - bands).clamp(min=0)
        edge = uniform((n, 1), (25, 31), generator)
        high = chance(n, options["high_cut"], generator)[..., 0] * (bands - edge).clamp(min=0)
        return power * 10 ** ((curve - 6 * low - 8 * high)[:, None] / 10)

    def _noise(self, power):
        """Add noise of a random spectrum that fluctuates, or another word that is less loud."""
        n, options, generator = len(power), self.options, self.generator
        curve = smooth_curve(n, N_BANDS, 3, 8.0, generator)
        curve = curve + smooth_curve(n, N_BANDS, 10, 3.0, generator)
        swell = smooth_curve(n, N_FRAMES, 4, 2.0, generator)
        shape = curve[:, None] + swell[..., None]
        # The power of normal noise in one frequency, real and imaginary part.
        flutter = torch.randn((2, n, N_FRAMES, N_BANDS), generator=generator).square().mean(0)
        noise = 10 ** (shape / 10) * flutter
        other = power[torch.randperm(n, generator=generator)]
        other = other.roll(int(torch.randint(N_FRAMES, (), generator=generator)), 1)
        noise = torch.where(chance(n, options["babble"], generator), other, noise)
        ratio = uniform((n, 1, 1), options["signal_to_noise"], generator)
        loudness = power.mean(dim=(1, 2), keepdim=True) / noise.mean(dim=(1, 2), keepdim=True)
        loudness = loudness * 10 ** (-ratio / 10)
        # Even a quiet recording has some noise: digital silence is the exception.
        faint = 10 ** (-uniform((n, 1, 1), (4.5, 7.0), generator))
        level = torch.where(
            chance(n, options["noise"], generator),
            loudness,
            faint * power.amax(dim=(1, 2), keepdim=True) / noise.mean(dim=(1, 2), keepdim=True),
        )
        return power + level * noise

    def _mask(self, inputs):
        """Replace a few bands, and a few frames, by the mean of the clip (SpecAugment)."""
        n, generator = len(inputs), self.generator
        mean = inputs.mean(dim=(1, 2), keepdim=True)
        for axis, most in ((2, self.options["masked_bands"]), (1, self.options["masked_frames"])):
            size = inputs.shape[axis]
            width = uniform((n, 1), (0, most), generator)
            start = torch.rand((n, 1), generator=generator) * (size - width)
            places = torch.arange(size)[None]
            hidden = (places >= start) & (places < start + width)
            hidden = hidden[:, None, :] if axis == 2 else hidden[:, :, None]
            inputs = torch.where(hidden, mean, inputs)
        return inputs
