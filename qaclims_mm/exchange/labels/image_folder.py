"""The images of a folder, found by what people's tables call them."""

from pathlib import Path, PurePosixPath

from qaclims_mm.schemas.images import SUFFIXES, find_images, path_below
from qaclims_mm.schemas.names import shown_name, shown_text

# of the paths that may have been meant
_SHOWN = 3


class ImageFolder:
    """The images below a folder.

    Attributes:
        root: The folder.
        names: The paths of all images below it.

    Args:
        root: The folder.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.names = [path.relative_to(root).as_posix() for path in find_images(root)]
        # without suffix and in lower case: whole paths, and their last parts
        self._paths: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        for name in self.names:
            key = PurePosixPath(name).with_suffix('').as_posix().lower()
            self._paths.setdefault(key, []).append(name)
            self._stems.setdefault(PurePosixPath(key).name, []).append(name)

    def find(self, image: str) -> str:
        """Return an image's path below the folder.

        Args:
            image: Path below the folder, whose suffix may be left out and case be another one, or
                an absolute one that leads there.

        Raises:
            ValueError: If it leads elsewhere, is missing, or may be one of several.
        """
        image = path_below(image, self.root)
        try:
            if (self.root / image).is_file():
                return image
        except OSError as error:
            raise ValueError(
                f'image {shown_name(image)} cannot be a file ({error.strerror})'
            ) from error
        path = PurePosixPath(image)
        path = path.with_suffix('') if path.suffix.lower() in SUFFIXES else path
        found = self._paths.get(path.as_posix().lower(), [])
        if len(found) == 1:
            return found[0]
        if found:
            several = ' or '.join(map(shown_text, found))
            raise ValueError(f'image {shown_text(image)} may be {several}')
        near = self._stems.get(path.name.lower(), [])[:_SHOWN]
        meant = f' (is it {" or ".join(map(shown_text, near))}?)' if near else ''
        raise ValueError(f'image {shown_text(self.root / image)} is missing{meant}')
