"""Small archives of a VOC."""

import io
import random
import tarfile
import zipfile

FILES = {
    'VOCdevkit/VOC2012/JPEGImages/a.jpg': b'a' * 1000,
    'VOCdevkit/VOC2012/JPEGImages/b.jpg': random.Random(0).randbytes(3000),
    'VOCdevkit/VOC2012/ImageSets/train.txt': b'a\nb\n',
    'VOCdevkit/other.txt': b'not of the folder',
}
FOLDER = 'VOCdevkit/VOC2012'
WANTED = {
    name.removeprefix(f'{FOLDER}/'): content
    for name, content in FILES.items()
    if name.startswith(FOLDER)
}


def write_archive(path, files=FILES, links=()):
    """Write an archive; ``links`` are tarfile's infos, or zipfile's, without content."""
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.mkdir('VOCdevkit')
            for name, content in files.items():
                archive.writestr(name, content)
            for info in links:
                archive.writestr(info, 'target')
        return path
    with tarfile.open(path, f'w:{"gz" if path.suffix == ".gz" else ""}') as archive:
        folder = tarfile.TarInfo('VOCdevkit')
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in links:
            archive.addfile(info)
    return path


def files_below(folder):
    """Return {path: content}, hidden ones too."""
    found = (p for p in folder.rglob('*') if p.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}
