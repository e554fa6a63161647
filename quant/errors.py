"""Errors of the quantization side.

QuantError
├── ModelError            a model cannot be found, downloaded or loaded
├── CheckpointError       a quantized file is damaged, foreign, or of another version
├── CalibrationError      calibration is missing, damaged, or made for another model
├── VariantError          no such variant, or a model that has one already
├── SamplingError         a sampler setting is impossible
├── NumberError           a model computes NaN or infinity
└── SoundSourceError      a sound that the embedded model's training needs is not installed
"""


class QuantError(Exception):
    """Base of this package's errors; the message is one line with a remedy."""


class ModelError(QuantError):
    """A model cannot be found, downloaded or loaded."""


class CheckpointError(QuantError):
    """A quantized file is damaged, foreign, or of another version."""


class CalibrationError(QuantError):
    """Calibration is missing, damaged, or made for another model."""


class VariantError(QuantError):
    """No such variant, or a model that has one already."""


class SamplingError(QuantError):
    """A sampler setting is impossible."""


class NumberError(QuantError):
    """A model computes NaN or infinity."""


class SoundSourceError(QuantError):
    """A sound that the embedded model's training needs is not installed."""


def reason(error: Exception) -> str:
    """First line of another library's message, for a message of ours.

    Examples
    --------
    >>> reason(ValueError())
    'ValueError'
    """
    text = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
    return "".join(letter if letter.isprintable() else "?" for letter in text)  # it may quote a damaged file
