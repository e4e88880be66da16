"""Stands in for torch and its relatives, which the inference server imports but these tests never use.

The server imports torch when it starts, whether or not a workflow needs a model. The wheels are several
gigabytes, and the workflows run here are plain image processing, so nothing of torch is ever called.
Importing anything below one of the ROOTS gives a module whose every attribute is a placeholder: it can
be called, subclassed, subscripted, compared with `is`, and used as a decorator or in an annotation.

A `.pth` file in the server's environment calls `install()` before anything else runs. A real package of
the same name is found first and wins.
"""

import importlib.machinery
import sys
import types
import typing

ROOTS = frozenset(
    """accelerate bitsandbytes clip diffusers doctr easyocr einops groundingdino hydra num2words
    omegaconf peft pyvips rf_clip safetensors sam2 segment_anything sentencepiece timm torch
    torchaudio torchvision transformers""".split()
)

VERSION = "2.6.0"

# Questions that the server asks while it imports, with the answer of a machine that has no accelerator.
ANSWERS = {
    "is_available": False,
    "is_built": False,
    "is_scripting": False,
    "is_tracing": False,
    "is_compiling": False,
    "device_count": 0,
}


def install() -> None:
    """Makes the ROOTS importable. Does nothing when called again."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


class _Finder:
    """Both finder and loader: the last resort for a name below one of the ROOTS."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ROOTS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return _Module(spec.name)

    def exec_module(self, module):
        module.__version__ = VERSION


class _Module(types.ModuleType):
    def __getattr__(self, name):
        if _is_special(name):
            raise AttributeError(name)
        value = _answer_or_placeholder(self.__name__, name)
        setattr(self, name, value)
        return value


class _PlaceholderType(type):
    """The type of placeholders. A placeholder is a class, so it can be subclassed and annotated with."""

    def __getattr__(cls, name):
        if _is_special(name):
            raise AttributeError(name)
        value = _answer_or_placeholder(cls.__qualname__, name)
        setattr(cls, name, value)
        return value

    def __call__(cls, *args, **kwargs):
        if not cls.__dict__.get("_placeholder"):
            return super().__call__(*args, **kwargs)
        if len(args) == 1 and not kwargs and callable(args[0]):
            return args[0]  # used as a decorator
        return cls  # a decorator factory such as inference_mode(), or a constructor

    def __getitem__(cls, _item):
        return cls

    def __or__(cls, other):
        return typing.Union[cls, other]

    def __ror__(cls, other):
        return typing.Union[other, cls]

    def __enter__(cls):
        return cls

    def __exit__(cls, *_exception):
        return False

    def __iter__(cls):
        return iter(())

    def __len__(cls):
        return 0

    def __bool__(cls):
        return False


def _answer_or_placeholder(owner: str, name: str):
    if name in ANSWERS:
        return lambda *_args, **_kwargs: ANSWERS[name]
    namespace = {"_placeholder": True, "__module__": owner, "__init__": _accept_anything}
    return _PlaceholderType(name, (), namespace)


def _accept_anything(self, *_args, **_kwargs) -> None:
    """The constructor that subclasses of a placeholder inherit."""


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
