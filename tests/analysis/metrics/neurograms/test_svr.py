"""The support vector regression against what libsvm 3.37 says of the same model."""

import numpy as np
import pytest

from analysis.errors import WeightsError
from analysis.metrics.neurograms.regression import read_regression
from analysis.metrics.paired.visqol import SHA256, regression

# google/visqol's svr_model_training_test.cc: the similarity of a contrabassoon's bands at 24 kbit/s AAC.
CONTRABASSOON = (
    "0.853862 0.680331 0.535649 0.639760 0.029999 0.058591 0.077462 0.012432 0.192035 0.389230 0.479403 0.419914 "
    "0.521414 0.858340 0.884218 0.864682 0.868514 0.845271 0.850559 0.877882 0.903985 0.887572 0.920558 0.920375 "
    "0.954934 0.945048 0.952716 0.986600 0.987345 0.936462 0.856010 0.829761"
)
BY_LIBSVM = [
    (np.ones(32), 4.732101253042348),  # castanets against themselves in ViSQOL's conformance test, as any sound
    (np.array([float(one) for one in CONTRABASSOON.split()]), 4.305334699144991),
    (np.linspace(1, 0.5, 32), 3.1799425653184725),
    (np.linspace(0.3, 1, 32), 4.2193667866079805),
    (np.full(32, 0.5), 2.870680629417051),
    (np.cos(np.arange(32) / 5) ** 2, 2.835203988351615),
]


@pytest.mark.parametrize(("features", "value"), BY_LIBSVM)
def test_the_regression_says_what_libsvm_says(features, value):
    assert regression()(features) == pytest.approx(value, abs=1e-10)


def test_another_model_is_named(tmp_path):
    path = tmp_path / "model.txt"
    path.write_text("svm_type nu_svr\ngamma 0.01\nrho 0\nSV\n1 1:1\n")
    with pytest.raises(WeightsError, match=r"model\.txt: not the model of ViSQOL's audio mode"):
        read_regression(path, SHA256)
    with pytest.raises(WeightsError, match=r"cannot be read .*; install visqol-python again"):
        read_regression(tmp_path / "gone.txt", SHA256)
