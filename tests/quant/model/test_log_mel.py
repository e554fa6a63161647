"""Latents of the embedded model: principal components against numpy's, and audio that comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from quant.model.log_mel import LogMelPretransform

RATE, CHANNELS = 8000, 24


def noise_bursts(count: int, generator: torch.Generator) -> Tensor:
    """Clips (count, samples) of filtered noise with slow envelopes: sounds that differ, half a second each."""
    spectrum = torch.fft.rfft(torch.randn(count, 4096, generator=generator))
    shape = torch.rand(count, 8, generator=generator).repeat_interleave(257, 1)[:, : spectrum.shape[1]]
    envelope = torch.rand(count, 8, generator=generator).repeat_interleave(512, 1)
    audio = torch.fft.irfft(spectrum * shape**3) * envelope
    return audio / audio.abs().amax(1, keepdim=True)


def small(channels: int = CHANNELS) -> LogMelPretransform:
    return LogMelPretransform(RATE, n_fft=512, hop=64, bands=40, patch=4, channels=channels, floor=1e-3, iterations=16)


@pytest.fixture
def clips(generator: torch.Generator) -> Tensor:
    return noise_bursts(32, generator)


@pytest.fixture
def fitted(clips: Tensor) -> LogMelPretransform:
    pretransform = small()
    pretransform.fit(pretransform.patches(clips).flatten(0, 1))
    return pretransform


def test_shapes_follow_the_ratio(fitted: LogMelPretransform, clips: Tensor) -> None:
    assert fitted.downsampling_ratio == 256
    latents = fitted.encode(clips[:, None])
    assert latents.shape == (32, CHANNELS, 16)
    audio = fitted.decode(latents[:3])
    assert audio.shape == (3, 1, 4096)
    assert audio.dtype == torch.float32


def test_log_mel_is_the_logarithm_of_filtered_magnitudes(clips: Tensor) -> None:
    pretransform = small()
    found = pretransform.log_mel(clips[:1])[0].double().numpy()
    wave = np.pad(clips[0].double().numpy(), 256, mode="reflect")
    window = np.hanning(513)[:-1]
    frames = np.stack([wave[i : i + 512] * window for i in range(0, 4096, 64)])
    power = np.abs(np.fft.rfft(frames, axis=1))
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(257, 40, 20.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney")
    assert np.allclose(found, np.log(np.maximum(filters.T @ power.T, 1e-3)), atol=2e-3)


def test_basis_is_that_of_principal_components(clips: Tensor) -> None:
    pretransform = small()
    patches = pretransform.patches(clips).flatten(0, 1)
    kept = pretransform.fit(patches)
    centred = patches.double().numpy() - patches.double().numpy().mean(0)
    _, sigma, vh = np.linalg.svd(centred, full_matrices=False)
    assert kept == pytest.approx(float((sigma[:CHANNELS] ** 2).sum() / (sigma**2).sum()), rel=1e-5)
    basis = pretransform.basis.double().numpy()
    assert np.allclose(basis @ basis.T, np.eye(CHANNELS), atol=1e-5)
    # The same subspace, whatever the signs: projections agree.
    assert np.allclose(basis.T @ basis, vh[:CHANNELS].T @ vh[:CHANNELS], atol=2e-2)


def test_latents_have_unit_variance_on_average_and_lead_with_the_largest(
    fitted: LogMelPretransform, clips: Tensor
) -> None:
    variances = fitted.encode(clips[:, None]).transpose(1, 2).flatten(0, 1).var(0, correction=0)
    assert float(variances.mean()) == pytest.approx(1, rel=1e-3)
    assert bool((variances.diff() < 1e-3).all())


def test_latents_of_decoded_patches_are_the_same_latents(fitted: LogMelPretransform, clips: Tensor) -> None:
    latents = fitted.encode(clips[:, None])
    patches = (latents.transpose(1, 2) * fitted.scale) @ fitted.basis + fitted.mean
    again = (patches - fitted.mean) @ fitted.basis.T / fitted.scale
    assert torch.allclose(again, latents.transpose(1, 2), atol=1e-4)


def test_decoded_audio_sounds_like_the_original(fitted: LogMelPretransform, clips: Tensor) -> None:
    """Its log-mel picture is far nearer to its own original than to any other clip."""
    audio = fitted.decode(fitted.encode(clips[:8, None]))[:, 0]
    pictures, originals = fitted.log_mel(audio).flatten(1), fitted.log_mel(clips[:8]).flatten(1)
    distances = torch.cdist(pictures, originals)
    assert distances.argmin(1).tolist() == list(range(8))
    others = distances + torch.eye(8) * 1e9
    assert bool((distances.diagonal() < others.amin(1) / 1.5).all())


def test_pitch_comes_back(generator: torch.Generator) -> None:
    time = torch.arange(4096) / RATE
    pitches = torch.tensor([300.0, 700.0, 1000.0, 1600.0, 2500.0])
    tones = torch.sin(2 * torch.pi * pitches[:, None] * time) + 0.01 * torch.randn(5, 4096, generator=generator)
    pretransform = small()
    pretransform.fit(pretransform.patches(tones).flatten(0, 1))
    audio = pretransform.decode(pretransform.encode(tones[:, None]))[:, 0]
    found = torch.fft.rfft(audio).abs().argmax(1) * RATE / 4096
    assert found.tolist() == pytest.approx(pitches.tolist(), rel=0.08)


def test_silence_stays_silent(fitted: LogMelPretransform) -> None:
    pretransform = small(channels=160)
    pretransform.basis, pretransform.mean = torch.eye(160), torch.zeros(160)
    audio = pretransform.decode(pretransform.encode(torch.zeros(1, 1, 4096)))
    assert float(audio.abs().max()) == 0


def test_equal_latents_give_equal_samples_whatever_was_drawn_before(fitted: LogMelPretransform, clips: Tensor) -> None:
    latents = fitted.encode(clips[:2, None])
    first = fitted.decode(latents)
    torch.rand(10)
    assert torch.equal(fitted.decode(latents), first)
    state = torch.get_rng_state()
    fitted.decode(latents)
    assert torch.equal(torch.get_rng_state(), state)


def test_clip_does_not_depend_on_its_neighbours(fitted: LogMelPretransform, clips: Tensor) -> None:
    latents = fitted.encode(clips[:3, None])
    assert torch.allclose(fitted.decode(latents)[1], fitted.decode(latents[1:2])[0], atol=1e-4)


def test_basis_is_part_of_the_state(fitted: LogMelPretransform, clips: Tensor) -> None:
    other = small()
    other.load_state_dict(fitted.state_dict())
    assert torch.equal(other.encode(clips[:, None]), fitted.encode(clips[:, None]))


def test_wild_latents_stay_finite(fitted: LogMelPretransform, generator: torch.Generator) -> None:
    assert bool(fitted.decode(torch.randn(1, CHANNELS, 8, generator=generator) * 5).isfinite().all())
