import pytest
import torch

from qaclims_mm.engine.mixed_precision import Bfloat16OptimWrapper, mixed_precision_wrapper


def test_products_are_bfloat16_and_weights_float32():
    torch.manual_seed(0)
    model, plain = torch.nn.Linear(64, 8), torch.nn.Linear(64, 8)
    plain.load_state_dict(model.state_dict())
    inputs, steps = torch.randn(16, 64), 3
    wrapper = Bfloat16OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=2
    )
    wrapper.initialize_count_status(model, 0, 2 * steps)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for _ in range(steps):
        for _ in range(2):
            with wrapper.optim_context(model):
                outputs = model(inputs)
                assert outputs.dtype == torch.bfloat16
                loss = outputs.float().square().mean()
            assert not torch.is_autocast_enabled('cpu')
            wrapper.update_params(loss)
        optimizer.zero_grad()
        plain(inputs).square().mean().backward()
        optimizer.step()
    for found, wanted in zip(model.parameters(), plain.parameters(), strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, wanted, rtol=0, atol=3e-3)
        assert not torch.equal(found, wanted)


@pytest.mark.parametrize(
    ('gpu', 'bfloat16', 'wrapper'),
    [
        (True, True, 'Bfloat16OptimWrapper'),
        (True, False, 'AmpOptimWrapper'),
        (False, False, 'Bfloat16OptimWrapper'),
    ],
)
def test_mixed_precision_of_a_machine(monkeypatch, gpu, bfloat16, wrapper):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation: bfloat16)
    assert mixed_precision_wrapper() == wrapper
