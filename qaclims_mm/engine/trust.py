"""What the help of every tool that runs a config says about it, in one wording."""

CONFIGS_ARE_CODE = 'Configs are Python code and are executed: use only those you trust.'
