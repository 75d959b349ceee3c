"""A second device in CPU memory, which refuses what CUDA refuses: operands on two devices.

The kernels are those of the CPU, so what runs on it gives the CPU's numbers, and code that makes a
tensor on the wrong device fails without a GPU. Importing this registers the device with torch.
"""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = 'other'
# they copy from one device to another, or take indices that lie on the CPU, as CUDA's do
_MIXING = ('_to_copy', 'copy_', '_copy_from', 'index_put_', '_index_put_impl_')
_CONSTRUCTORS = (torch.tensor, torch.as_tensor, torch.asarray, torch.arange, torch.linspace)


class OtherTensor(Tensor):
    """A tensor of the device; ``held`` has its values."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> 'OtherTensor':
        # a sparse matrix has none
        is_strided = held.layout == torch.strided
        strides = (held.stride(), held.storage_offset()) if is_strided else ()
        made = cls._make_wrapper_subclass(
            cls, held.shape, *strides, dtype=held.dtype, device=f'{NAME}:0'
        )
        made.held = held
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    def tolist(self) -> Any:
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(op, *args, **(kwargs or {}))


class OtherDevice(TorchFunctionMode):
    """Lets functions of torch make tensors of the device that do so in C++; counts operations."""

    operations = 0

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        first = args[0] if args else None
        if function in _CONSTRUCTORS:
            device = kwargs.pop('device', None)
            made = function(*args, **kwargs, device=None if _is_other(device) else device)
            return made.to(device) if _is_other(device) else made
        if not isinstance(first, OtherTensor):
            return function(*args, **kwargs)
        if function is Tensor.new_tensor and 'device' not in kwargs:
            return torch.tensor(args[1], **dict(dtype=first.dtype) | kwargs).to(first.device)
        if function is torch.sparse_csr_tensor:
            return OtherTensor(function(*(getattr(a, 'held', a) for a in args), **kwargs))
        if function.__name__ in ('matmul', '__matmul__') and first.dim() == 1:
            return (first[None] @ args[1])[0]
        if function is Tensor.__getitem__:
            keys = args[1] if isinstance(args[1], tuple) else (args[1],)
            return function(first, tuple(_as_index(key) for key in keys))
        return function(*args, **kwargs)


def _is_other(device: Any) -> bool:
    return device is not None and torch.device(device).type == NAME


def _as_index(key: Any) -> Any:
    """Return an index with what is a list or lies on the CPU as a tensor of the device."""
    if isinstance(key, list):
        key = torch.tensor(key) if key else torch.zeros(0, dtype=torch.long)
    return key.to(NAME) if isinstance(key, Tensor) else key


def _run(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Run an operator on what its tensors hold.

    Raises:
        RuntimeError: If an operand with dimensions lies on the CPU, or an operand was resized.
    """
    OtherDevice.operations += 1
    name = op._schema.name.partition('::')[2]
    stays = kwargs.get('device') is None or _is_other(kwargs['device'])
    leaves, tree = _pytree.tree_flatten((args, kwargs))
    ours = [leaf for leaf in leaves if isinstance(leaf, OtherTensor)]
    for leaf in leaves:
        is_foreign = isinstance(leaf, Tensor) and not isinstance(leaf, OtherTensor)
        if is_foreign and leaf.dim() and name not in _MIXING:
            raise RuntimeError(f'{name} got a tensor on {NAME} and one on {leaf.device}')
    for tensor in ours:
        if tensor.shape != tensor.held.shape:
            raise RuntimeError(f'{name} got a tensor that was resized to {tensor.held.shape}')
    args, kwargs = _pytree.tree_unflatten([_held(leaf) for leaf in leaves], tree)
    if name == '_copy_from':
        args[1].copy_(args[0])
        return leaves[1]
    found = op(*args, **kwargs)
    if not stays:
        return found
    known = {id(tensor.held): tensor for tensor in ours}
    return _pytree.tree_map(lambda x: _wrap(x, known), found)


def _held(leaf: Any) -> Any:
    if isinstance(leaf, torch.device):
        return torch.device('cpu')
    return leaf.held if isinstance(leaf, OtherTensor) else leaf


def _wrap(result: Any, known: dict[int, OtherTensor]) -> Any:
    """Return a result on the device; an operand that was changed in place is that operand."""
    if not isinstance(result, Tensor):
        return result
    return known[id(result)] if id(result) in known else OtherTensor(result)


_setup_privateuseone_for_python_backend(NAME)
torch.other.get_amp_supported_dtype = lambda: [torch.bfloat16, torch.float16]
# what has no tensor of the device among its operands, such as torch.zeros
_LIBRARY = torch.library.Library('_', 'IMPL')
_LIBRARY.fallback(_run, 'PrivateUse1')
# a wrapper cannot be a tensor of the inference mode, nor get other data
torch.inference_mode = lambda mode=True: torch.no_grad()
torch.__future__.set_swap_module_params_on_conversion(True)
