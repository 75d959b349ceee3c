"""Videos of a few small frames."""

import av
import numpy as np


def write_video(path, number=7, size=(48, 64), codec='mpeg4'):
    """Write a video whose frames become lighter."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=5)
        stream.height, stream.width = size
        stream.pix_fmt = 'yuv420p'
        for index in range(number):
            pixels = np.full((*size, 3), 20 + 30 * (index % 7), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format='rgb24')
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
