"""Bodies of errors as the servers of chat models write them."""

import json


def error(message, **more):
    """Return the body of an error as OpenAI writes it."""
    return json.dumps(dict(error=dict(message=message, **more)))


def vllm(message, **more):
    """Return the body of an error as vLLM and SGLang write it."""
    return json.dumps(
        dict(object='error', message=message, type='BadRequestError', code=400, **more)
    )


def fastapi(*problems):
    return json.dumps(dict(detail=list(problems)))


OPENAI_LONG = dict(type='invalid_request_error', param='messages', code='context_length_exceeded')
OPENAI_UNKNOWN = dict(type='invalid_request_error', code='unsupported_parameter')
WHOLE = dict(model='m', messages=[], logprobs=True, temperature=0.0, max_tokens=16)
# bodies of status 400 or 422, as the servers write them, about an input that does not fit
TOO_LONG = {
    'vLLM': vllm(
        "This model's maximum context length is 4096 tokens. However, you requested 4112 tokens "
        '(4096 in the messages, 16 in the completion). Please reduce the length of the messages or '
        'completion.'
    ),
    'vLLM, with the option': error(
        "'max_tokens' or 'max_completion_tokens' is too large: 16. This model's maximum context "
        'length is 2048 tokens and your request has 2040 input tokens (16 > 2048 - 2040).',
        param='max_tokens',
        code=400,
    ),
    'vLLM, of 2024': vllm('max_tokens must be at least 1, got -344.', param=None),
    'vLLM, of images': vllm(
        'The decoder prompt (length 5120) is longer than the maximum model length of 4096. Make '
        'sure that `max_model_len` is no smaller than the number of text tokens plus multimodal '
        'tokens.'
    ),
    'OpenAI': error(
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        '130000 tokens. Please reduce the length of the messages.',
        **OPENAI_LONG,
    ),
    'OpenAI, of old': error(
        "This model's maximum context length is 8192 tokens. However, you requested 8208 tokens "
        '(8192 in the messages, 16 in the completion); reduce max_tokens.',
        **OPENAI_LONG,
    ),
    'OpenAI, its own limit': error(
        'max_tokens is too large: 100000. This model supports at most 16384 completion tokens, '
        'whereas you provided 100000.',
        param='max_tokens',
        code='invalid_value',
    ),
    'OpenAI, thoughts': error(
        'Could not finish the message because max_tokens or model output limit was reached. Please '
        'try again with higher max_tokens.'
    ),
    'SGLang': vllm(
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You "
        'requested a total of 4112 tokens: 4096 tokens from the input messages and 16 tokens for '
        'the completion (max_tokens). Please reduce the number of tokens in the input messages or '
        'the completion to fit within the limit.'
    ),
    'SGLang, the input alone': vllm(
        "The input (5000 tokens) is longer than the model's context length (4096 tokens)."
    ),
    'Ollama': error('prompt too long; exceeded max context length by 12 tokens', type='api_error'),
    'llama.cpp': error(
        'the request exceeds the available context size, try increasing it; max_tokens is 16',
        type='exceed_context_size_error',
    ),
    'text-generation-inference': json.dumps(
        dict(
            error='Input validation error: `inputs` tokens + `max_tokens` must be <= 4096. Given: '
            '4090 `inputs` tokens and 16 `max_tokens`',
            error_type='validation',
        )
    ),
    'transformers serve': json.dumps(
        dict(detail='Input length 4100 with max_tokens 16 exceeds the maximum length of 4096.')
    ),
    'Gemini': error(
        'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).'
    ),
}
# {what: body, option that the server does not take}
UNKNOWN = {
    'OpenAI': (
        error(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            param='max_tokens',
            **OPENAI_UNKNOWN,
        ),
        'max_tokens',
    ),
    'a proxy of OpenAI': (
        error('`max_tokens` is deprecated, use `max_completion_tokens` instead.'),
        'max_tokens',
    ),
    'OpenAI, a value': (
        error(
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default "
            '(1) value is supported.',
            param='temperature',
            code='unsupported_value',
        ),
        'temperature',
    ),
    'OpenAI, logprobs': (
        error("'logprobs' is not supported with this model.", param='logprobs', **OPENAI_UNKNOWN),
        'logprobs',
    ),
    'OpenAI, a schema': (
        error(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this "
            'model.',
            param=None,
        ),
        'response_format',
    ),
    'vLLM': (
        vllm(
            "[{'type': 'extra_forbidden', 'loc': ('body', 'max_tokens'), 'msg': 'Extra inputs are "
            "not permitted', 'input': 16}]"
        ),
        'max_tokens',
    ),
    'vLLM, without guided decoding': (
        vllm('guided decoding backend failed: xgrammar is not installed'),
        'response_format',
    ),
    'SGLang': (vllm('logprobs is not supported when the model is embedding'), 'logprobs'),
    'FastAPI': (
        fastapi(
            dict(
                type='extra_forbidden',
                loc=['body', 'logprobs'],
                msg='Extra inputs are not permitted',
                input=True,
            )
        ),
        'logprobs',
    ),
    'Ollama': (error('invalid response_format: json_schema', type='api_error'), 'response_format'),
    'transformers serve': (
        json.dumps(dict(detail="Unexpected fields in the request: {'max_tokens'}")),
        'max_tokens',
    ),
    'transformers serve, of 2025': (
        json.dumps(dict(detail="Unsupported fields in the request: {'response_format'}")),
        'response_format',
    ),
    'Gemini': (
        json.dumps(
            [
                dict(
                    error=dict(
                        code=400,
                        message='Invalid JSON payload received. Unknown name "logprobs": Cannot '
                        'find field.',
                        status='INVALID_ARGUMENT',
                    )
                )
            ]
        ),
        'logprobs',
    ),
    'LiteLLM': (
        error("UnsupportedParamsError: the model does not support parameters: ['max_tokens']"),
        'max_tokens',
    ),
}
# errors that repeat the request, which holds every option
REPEATING = {
    'FastAPI': fastapi(
        dict(type='missing', loc=['body', 'messages'], msg='Field required', input=WHOLE)
    ),
    'vLLM': vllm(
        f"[{{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required', 'input': "
        f'{WHOLE}}}]'
    ),
    'a proxy': json.dumps(dict(error='cannot decode the image', request=WHOLE)),
}
