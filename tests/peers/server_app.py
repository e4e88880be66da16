"""The Roboflow inference server's HTTP application, wired as its CPU image wires it.

Run with `uvicorn server_app:app`; `serve.sh` sets the environment that keeps it offline.
"""

from inference.core.interfaces.http.http_api import HttpInterface
from inference.core.managers.base import ModelManager
from inference.core.managers.decorators.fixed_size_cache import WithFixedSizeCache
from inference.core.registries.roboflow import RoboflowModelRegistry
from inference.models.utils import ROBOFLOW_MODEL_TYPES

MAX_MODELS_IN_MEMORY = 8


def build_app():
    registry = RoboflowModelRegistry(ROBOFLOW_MODEL_TYPES)
    models = WithFixedSizeCache(ModelManager(model_registry=registry), max_size=MAX_MODELS_IN_MEMORY)
    models.init_pingback()
    return HttpInterface(models).app


app = build_app()
