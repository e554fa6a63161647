"""Latents of the embedded model: principal components of log-mel patches, inverted by Griffin-Lim."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers.audio_utils import mel_filter_bank

from quant.model import upstream

Pretransform = upstream.stable_audio_tools("models.pretransforms").Pretransform


@cache
def _mel_matrix(bands: int, n_fft: int, sample_rate: int) -> Tensor:
    """Slaney mel filters, shape (n_fft/2+1, bands)."""
    filters = mel_filter_bank(
        n_fft // 2 + 1, bands, 20.0, sample_rate / 2, sample_rate, norm="slaney", mel_scale="slaney"
    )
    return torch.from_numpy(filters).float()


class LogMelPretransform(Pretransform):  # type: ignore[misc, valid-type]
    """A fixed, nearly invertible transform between audio and latents, in the library's own interface.

    ``encode``: (batch, 1, samples) float in [-1, 1] -> (batch, channels, samples / ratio); each latent frame holds
    the first principal components of ``patch`` consecutive log-mel frames, scaled to about unit variance.
    ``decode``: the pseudo-inverse, then magnitudes by non-negative multiplicative updates and phases by
    Griffin-Lim with momentum (Perraudin 2013) from a fixed random start, so that equal latents give equal samples.
    The basis is part of the checkpoint: ``mean`` (patch*bands), ``basis`` (channels, patch*bands), ``scale``.

    Examples
    --------
    >>> codec = LogMelPretransform()
    >>> codec.encode(torch.zeros(1, 1, 2048 * 3)).shape, codec.downsampling_ratio
    (torch.Size([1, 64, 3]), 2048)
    """

    def __init__(
        self,
        sample_rate: int = 22050,
        n_fft: int = 1024,
        hop: int = 256,
        bands: int = 80,
        patch: int = 8,
        channels: int = 64,
        floor: float = 1e-4,
        iterations: int = 32,
    ) -> None:
        super().__init__(enable_grad=False, io_channels=1, is_discrete=False)
        self.sample_rate, self.n_fft, self.hop, self.bands, self.patch = sample_rate, n_fft, hop, bands, patch
        self.floor, self.iterations = floor, iterations
        self.encoded_channels = channels
        self.downsampling_ratio = hop * patch
        self.register_buffer("mean", torch.zeros(patch * bands))
        self.register_buffer("basis", torch.zeros(channels, patch * bands))
        self.register_buffer("scale", torch.ones(channels))

    def _window(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.n_fft, device=like.device)

    def log_mel(self, audio: Tensor) -> Tensor:
        """Log-mel magnitudes of (batch, samples): (batch, bands, samples / hop), natural logarithm."""
        spectrum = torch.stft(
            audio.float(), self.n_fft, self.hop, window=self._window(audio), center=True, return_complex=True
        ).abs()[..., : audio.shape[-1] // self.hop]
        mel = _mel_matrix(self.bands, self.n_fft, self.sample_rate).to(audio.device).T @ spectrum
        return mel.clamp_min(self.floor).log()

    def patches(self, audio: Tensor) -> Tensor:
        """Patches of log-mel frames of (batch, samples): (batch, frames, patch * bands)."""
        mel = self.log_mel(audio)
        frames = mel.shape[-1] // self.patch
        mel = mel[..., : frames * self.patch].transpose(1, 2)
        return mel.reshape(mel.shape[0], frames, self.patch * self.bands)

    def fit(self, patches: Tensor) -> float:
        """Set the basis from a sample of patches (n, patch * bands); returns the share of variance kept."""
        self.mean = patches.mean(0)
        centred = (patches - self.mean).double()
        values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
        values, vectors = values.flip(0), vectors.flip(1)
        self.basis = vectors[:, : self.encoded_channels].T.float().contiguous()
        kept = values[: self.encoded_channels]
        # The fourth root compresses the spectrum of variances without whitening it: leading components,
        # which a listener hears, keep the better signal-to-noise ratio throughout the diffusion.
        scale = kept.clamp_min(1e-8) ** 0.25
        self.scale = (scale * (kept / scale**2).mean().sqrt()).float()
        return float(kept.sum() / values.sum())

    @torch.no_grad()
    def encode(self, x: Tensor, **_: Any) -> Tensor:
        """Audio (batch, 1, samples) to latents (batch, channels, samples // ratio)."""
        coefficients = (self.patches(x[:, 0]) - self.mean) @ self.basis.T / self.scale
        return coefficients.transpose(1, 2)

    @torch.no_grad()
    def decode(self, z: Tensor, **_: Any) -> Tensor:
        """Latents (batch, channels, frames) to audio (batch, 1, frames * ratio)."""
        patches = (z.float().transpose(1, 2) * self.scale) @ self.basis + self.mean
        mel = patches.reshape(z.shape[0], -1, self.bands).transpose(1, 2).exp()
        # A frame at the floor is silence; what the floor itself would sound like is not wanted.
        mel = (mel - 2 * self.floor).clamp_min(0)
        return self._griffin_lim(self._magnitudes(mel), z.shape[-1] * self.downsampling_ratio)[:, None]

    def _magnitudes(self, mel: Tensor) -> Tensor:
        """Non-negative least squares of the mel filters by multiplicative updates (Lee and Seung 2001)."""
        filters = _mel_matrix(self.bands, self.n_fft, self.sample_rate).to(mel.device)  # [F, B]
        target = filters @ mel
        magnitude = target / (filters.sum(1, keepdim=True) + 1e-9)
        for _ in range(20):
            magnitude = magnitude * target / (filters @ (filters.T @ magnitude) + 1e-9)
        return magnitude

    def _griffin_lim(self, magnitude: Tensor, length: int) -> Tensor:
        window, hop = self._window(magnitude), self.hop
        # One frame more than the patches hold: the centred transform of `length` samples has length/hop + 1.
        magnitude = torch.cat([magnitude, magnitude[..., -1:]], dim=-1)
        generator = torch.Generator().manual_seed(0)
        phase = torch.rand(magnitude.shape[1:], generator=generator).to(magnitude.device) * (2 * torch.pi)
        angles = torch.polar(torch.ones_like(phase), phase).expand(magnitude.shape)
        previous: Tensor | None = None
        for _ in range(self.iterations):
            audio = torch.istft(magnitude * angles, self.n_fft, hop, window=window, length=length)
            rebuilt = torch.stft(audio, self.n_fft, hop, window=window, return_complex=True)
            ahead = rebuilt if previous is None else rebuilt + 0.9 * (rebuilt - previous)
            angles, previous = ahead / ahead.abs().clamp_min(1e-9), rebuilt
        return torch.istft(magnitude * angles, self.n_fft, hop, window=window, length=length)
