"""Noise levels: which calibrated step a call of the network belongs to."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from quant.method.timesteps import CurrentStep, sigma_of


class Network(nn.Module):
    """Takes a latent and a time, as a DiT does."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return x * t[:, None]


@pytest.mark.parametrize("sigma", [0.01, 0.3, 1.0, 40.0, 500.0])
def test_v_time_is_an_angle(sigma: float) -> None:
    """The v objective mixes signal and noise by cosine and sine of t pi/2; sigma is noise over signal."""
    t = 2 / math.pi * math.atan(sigma)
    found = float(sigma_of(torch.tensor([t], dtype=torch.float64), "v"))
    assert found == pytest.approx(math.sin(t * math.pi / 2) / math.cos(t * math.pi / 2), rel=1e-9)
    assert found == pytest.approx(sigma, rel=1e-9)


@pytest.mark.parametrize("objective", ["rectified_flow", "rf_denoiser"])
@pytest.mark.parametrize("t", [0.01, 0.25, 0.5, 0.9, 0.999])
def test_flow_time_is_the_share_of_noise(objective: str, t: float) -> None:
    assert float(sigma_of(torch.tensor([t], dtype=torch.float64), objective)) == pytest.approx(t / (1 - t), rel=1e-9)


@pytest.mark.parametrize("objective", ["v", "rectified_flow", "rf_denoiser"])
def test_sigma_rises_with_time_and_is_finite_at_both_ends(objective: str) -> None:
    sigma = sigma_of(torch.linspace(0, 1, 101), objective)
    assert bool(sigma.log().isfinite().all())
    assert bool((sigma.diff() > 0).all())


def test_each_calibrated_level_finds_itself() -> None:
    sigmas = torch.logspace(math.log10(500), math.log10(0.3), 100, dtype=torch.float64)
    step = CurrentStep(sigmas.log(), "v")
    for index, sigma in enumerate(sigmas.tolist()):
        step.set(torch.tensor([2 / math.pi * math.atan(sigma)]))
        assert step.index == index


def test_levels_between_go_to_the_nearer_in_log_sigma() -> None:
    step = CurrentStep(torch.tensor([100.0, 1.0, 0.01], dtype=torch.float64).log(), "v")
    for sigma, index in [(1e6, 0), (11.0, 0), (9.0, 1), (0.11, 1), (0.09, 2), (1e-6, 2)]:
        step.set(torch.tensor([2 / math.pi * math.atan(sigma)], dtype=torch.float64))
        assert step.index == index, sigma


@pytest.mark.parametrize("objective", ["v", "rf_denoiser"])
def test_times_of_zero_and_one_find_the_last_and_the_first_step(objective: str) -> None:
    step = CurrentStep(torch.tensor([500.0, 10.0, 0.3]).log(), objective)
    step.set(torch.tensor([0.0]))
    assert step.index == 2
    step.set(torch.tensor([1.0]))
    assert step.index == 0


def test_network_sets_the_step_before_it_runs() -> None:
    network, step = Network(), CurrentStep(torch.tensor([10.0, 0.1]).log(), "rectified_flow")
    step.attach(network)
    network(torch.zeros(2, 3), torch.tensor([0.05, 0.05]))
    assert step.index == 1
    network(torch.zeros(2, 3), torch.tensor([0.95, 0.95]))
    assert step.index == 0


def test_conversion_to_half_does_not_round_the_table() -> None:
    table = torch.linspace(-1, 6, 100, dtype=torch.float64)
    step = CurrentStep(table, "v")
    nn.ModuleList([step]).half()
    assert torch.equal(step.log_sigmas, table)
    assert torch.equal(step.state_dict()["log_sigmas"], table)
