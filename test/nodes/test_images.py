"""Pictures reach the policy as RGB whatever their encoding, or are refused in one sentence."""

from __future__ import annotations

import array

import numpy as np
import pytest
import simplejpeg
from sensor_msgs.msg import CompressedImage, Image

from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.messages import images
from wall_oss_ros.ros.images import image_message


def gradient(height: int = 16, width: int = 24) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 10, y * 15, 255 - x * 10], axis=-1).astype(np.uint8)


def message_of(data: np.ndarray, encoding: str) -> Image:
    height, width = data.shape[:2]
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        step=data.nbytes // height,
        data=array.array("B", data.tobytes()),
    )


def test_rgb_goes_in_and_comes_out_unchanged_without_a_copy():
    pixels = gradient()
    message = image_message(pixels, 1_500_000_000, "camera")
    back = images.decode_image(message)
    np.testing.assert_array_equal(back, pixels)
    assert back.base is not None  # a view of the message's buffer
    assert (message.header.stamp.sec, message.header.frame_id) == (1, "camera")


@pytest.mark.parametrize(
    ("encoding", "stored"),
    [
        ("bgr8", gradient()[:, :, ::-1]),
        ("rgba8", np.dstack([gradient(), np.full((16, 24), 7, np.uint8)])),
        ("bgra8", np.dstack([gradient()[:, :, ::-1], np.full((16, 24), 7, np.uint8)])),
    ],
)
def test_plain_encodings_become_rgb(encoding, stored):
    message = message_of(np.ascontiguousarray(stored), encoding)
    np.testing.assert_array_equal(images.decode_image(message), gradient())


def test_grey_becomes_three_equal_channels():
    grey = np.ascontiguousarray(gradient()[:, :, 0])
    back = images.decode_image(message_of(grey, "mono8"))
    np.testing.assert_array_equal(back, np.repeat(grey[:, :, None], 3, axis=2))


def test_padded_rows_are_cut():
    padded = np.zeros((16, 24 * 3 + 5), np.uint8)
    padded[:, : 24 * 3] = gradient().reshape(16, -1)
    message = message_of(gradient(), "rgb8")
    message.step, message.data = padded.shape[1], array.array("B", padded.tobytes())
    np.testing.assert_array_equal(images.decode_image(message), gradient())


def test_an_unusual_encoding_goes_to_the_converter():
    pytest.importorskip("cv2", reason="an encoding beyond the array path needs OpenCV")
    wide = gradient().astype(np.uint16) * 257
    back = images.decode_image(message_of(wide, "rgb16"))
    assert np.abs(back.astype(int) - gradient()).max() <= 1


def test_jpeg_is_decoded_to_rgb():
    smooth = gradient(64, 64)
    message = CompressedImage(format="rgb8; jpeg compressed bgr8")
    message.data = array.array("B", simplejpeg.encode_jpeg(smooth, quality=95))
    back = images.decode_image(message)
    assert back.shape == (64, 64, 3)
    assert np.abs(back.astype(int) - smooth).mean() < 4


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (Image(encoding="rgb8"), "0 x 0"),
        (Image(height=2, width=2, step=6, encoding="rgb8", data=array.array("B", b"x")), "bytes"),
        (Image(height=1, width=2, step=2, encoding="rgb8", data=array.array("B", b"xx")), "step"),
        (CompressedImage(format="jpeg"), "empty"),
    ],
)
def test_a_malformed_picture_is_refused_in_one_sentence(message, word):
    with pytest.raises(MessageError, match=word):
        images.check_image(message)


def test_an_unknown_encoding_says_what_to_install(monkeypatch):
    monkeypatch.setattr(images, "_found", [None])
    message = message_of(gradient(), "rgb8")
    message.encoding = "bayer_rggb16"
    with pytest.raises(MessageError, match="cv_bridge"):
        images.check_image(message)
    with pytest.raises(MessageError, match="cv_bridge"):
        images.check_image(CompressedImage(format="png", data=array.array("B", b"\x89PNG....")))


def test_a_broken_jpeg_is_refused():
    message = CompressedImage(format="jpeg", data=array.array("B", b"\xff\xd8 not a picture"))
    with pytest.raises(MessageError, match="cannot be decoded"):
        images.decode_image(message)


def test_equal_pictures_have_equal_fingerprints_and_others_do_not():
    first, second = gradient(), gradient()
    second[3, 3, 0] ^= 1
    stamped = [image_message(picture, 0, "f") for picture in (first, first, second)]
    one, same, other = (images.fingerprint(message) for message in stamped)
    assert one == same
    assert one != other
