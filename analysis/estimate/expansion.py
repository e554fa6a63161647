"""Expansion: what the likelihood of a mixed model is made of at one point, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Expansion:
    """Quantities at one gamma, with first and second derivatives by gamma.

    Parameters
    ----------
    n
        Ratings.
    logdet, logdet1, logdet2
        log|Sigma|, shapes (), (k,), (k, k).
    form, form1, form2
        [X y]' Sigma^-1 [X y], shapes (p + 1, p + 1), (k, ...), (k, k, ...).
    bent
        Second derivatives of the residual sum of squares, shape (k, k), where there are no others: half of them stand
        for the average of observed and expected information (Gilmour, Thompson and Cullis 1995), and `logdet2` and
        `form2` are empty.
    """

    n: int
    logdet: float
    form: np.ndarray
    logdet1: np.ndarray
    form1: np.ndarray
    logdet2: np.ndarray
    form2: np.ndarray
    bent: np.ndarray | None = None

    @property
    def freedom(self) -> int:
        """Ratings less conditions."""
        return self.n - len(self.form) + 1

    def solve(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Give beta, its covariance over the residual variance, and the residual sum of squares."""
        phi = np.linalg.inv(self.form[:-1, :-1])
        beta = phi @ self.form[:-1, -1]
        return beta, phi, float(self.form[-1, -1] - beta @ self.form[:-1, -1])

    def restricted(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Give log|Sigma| + log|X' Sigma^-1 X| with its derivatives."""
        x, x1 = self.form[:-1, :-1], self.form1[:, :-1, :-1]
        turned = np.linalg.solve(x, x1)
        value = self.logdet + float(np.linalg.slogdet(x)[1])
        slope = self.logdet1 + np.einsum("iaa->i", turned)
        if self.bent is not None:
            # Expected information is minus this, observed this plus `bent` over the variance: both are the average.
            return value, slope, -0.5 * self.bent * self.freedom / self.solve()[2]
        x2 = self.form2[:, :, :-1, :-1]
        traces = np.einsum("ijaa->ij", np.linalg.solve(x, x2)) - np.einsum("iab,jba->ij", turned, turned)
        return value, slope, self.logdet2 + traces

    def residual(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Give the residual sum of squares with its derivatives."""
        beta, phi, value = self.solve()
        v = np.append(-beta, 1.0)
        slope = v @ self.form1 @ v
        if self.bent is not None:
            return value, slope, self.bent
        pull = (self.form1 @ v)[:, :-1]
        return value, slope, v @ self.form2 @ v - 2 * pull @ phi @ pull.T

    def with_residual(self, gamma: np.ndarray) -> Expansion:
        """Put the residual's own component first, for Sigma = c I + sum_i gamma_i Z_i Z_i' at c = 1.

        The form is homogeneous of degree -1 in (c, gamma), and log|Sigma| is n log plus degree 0; so Euler's theorem
        gives the derivatives by c.
        """
        logdet1 = np.append(self.n - gamma @ self.logdet1, self.logdet1)
        form1 = np.concatenate([(-self.form - np.tensordot(gamma, self.form1, 1))[None], self.form1])
        if self.bent is not None:
            slope = self.residual()[1]
            first = -2 * slope - self.bent @ gamma
            corner = -2 * (-self.solve()[2] - gamma @ slope) - gamma @ first
            bent = np.block([[np.array([[corner]]), first[None, :]], [first[:, None], self.bent]])
            return replace(self, logdet1=logdet1, form1=form1, bent=bent)
        k, t = self.form1.shape[:2]
        logdet2, form2 = np.empty((k + 1, k + 1)), np.empty((k + 1, k + 1, t, t))
        logdet2[1:, 1:], form2[1:, 1:] = self.logdet2, self.form2
        logdet2[0, 1:] = logdet2[1:, 0] = -self.logdet1 - gamma @ self.logdet2
        form2[0, 1:] = form2[1:, 0] = -2 * self.form1 - np.tensordot(gamma, self.form2, 1)
        logdet2[0, 0] = -logdet1[0] - gamma @ logdet2[0, 1:]
        form2[0, 0] = -2 * form1[0] - np.tensordot(gamma, form2[0, 1:], 1)
        return replace(self, logdet1=logdet1, form1=form1, logdet2=logdet2, form2=form2)
