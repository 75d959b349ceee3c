"""Names that Label Studio gives to the files that people upload, and to those of its exports."""

import re
import unicodedata

# an uploaded file is upload/PROJECT/8f2a1b3c-NAME; exports call a file whose name is not ASCII
# 8f2a1b3c__NAME and put all files into one folder
_RENAMED = re.compile(r'([0-9a-f]{8}__)?([0-9a-f]{8}-)?(?=.)', re.DOTALL)
_UPLOAD = re.compile(r'(?:.*/)?upload/\d+', re.DOTALL)
_EXPORT_FOLDERS = ('', 'images', 'labels')


def readings_of_upload(path: str) -> list[str]:
    """Return what a path may have been before Label Studio renamed the file, itself first.

    Args:
        path: POSIX. Folders that are Label Studio's own are left out.
    """
    folder, _, name = path.rpartition('/')
    uploaded = _UPLOAD.fullmatch(folder) is not None
    readings = [name if uploaded else path]
    if renamed := _RENAMED.match(name):
        original = name[renamed.end() :]
        own = uploaded or renamed[1] or folder in _EXPORT_FOLDERS
        readings.append(original if own else f'{folder}/{original}')
    return list(dict.fromkeys(readings))


def stored_name(path: str) -> str:
    """Return a path as web servers store it: blanks become ``_``, signs vanish."""
    return re.sub(r'[^-\w./]', '', unicodedata.normalize('NFKC', path).replace(' ', '_'))
