"""Pictures and masks between tensors and files: exact where they can be, else within what is promised."""

import copy
import io
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from easel.nodes import pictures
from easel.nodes.pictures import JPEG, PNG, WEBP, Mask, Pixels


def noise(height=5, width=7, channels=3, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


# Files and back


@pytest.mark.parametrize("channels", [3, 4])
def test_a_png_gives_back_every_value(channels):
    picture = Pixels(noise(channels=channels))
    assert np.array_equal(pictures.decode(picture.encoded()).array, picture.array)
    assert pictures.decode(picture.encoded()) == picture


def test_colours_under_full_transparency_survive_a_png_and_are_near_in_a_webp():
    array = np.full((16, 16, 4), (200, 100, 50, 0), np.uint8)
    assert np.array_equal(pictures.decode(Pixels(array).encoded(PNG)).array, array)
    array[:, :8] = (0, 0, 0, 255)
    array[::2, 8:, :3] = 20
    webp = pictures.decode(Pixels(array).encoded(WEBP)).array
    assert np.array_equal(webp[..., 3], array[..., 3])
    assert abs(webp.astype(int) - array)[:, 8:].mean() < 30


def test_a_file_asked_for_twice_is_made_once():
    picture = Pixels(noise())
    assert picture.encoded() is picture.encoded(quality=40)
    assert picture.encoded(JPEG) is picture.encoded(JPEG)
    assert picture.encoded(JPEG) != picture.encoded(JPEG, quality=40)
    mask = Mask(noise()[..., 0])
    assert mask.as_alpha() is mask.as_alpha()


@pytest.mark.parametrize("media_type", [PNG, JPEG, WEBP])
def test_a_file_is_of_the_kind_that_was_asked_for(media_type):
    assert pictures.media_type_of(Pixels(noise()).encoded(media_type)) == media_type


@pytest.mark.parametrize(("quality", "sampling"), [(95, (1, 1)), (90, (1, 1)), (89, (2, 2))])
def test_a_jpeg_keeps_full_colour_resolution_from_quality_90(quality, sampling):
    jpeg = Image.open(io.BytesIO(Pixels(noise(64, 64)).encoded(JPEG, quality=quality)))
    assert jpeg.layer[0][1:3] == sampling


def test_a_jpeg_of_a_transparent_picture_lies_on_white_and_says_so(caplog):
    array = np.zeros((8, 8, 4), np.uint8)
    array[..., 3] = 64
    picture = Pixels(array)
    assert abs(pictures.decode(picture.encoded(JPEG)).array.astype(int) - 191).max() <= 2
    assert "laid over white" in caplog.text
    assert np.array_equal(picture.flattened().array, np.full((8, 8, 3), 191))
    assert Pixels(noise()).flattened().array.shape == (5, 7, 3)


def test_a_png_above_the_limit_is_packed_harder_before_it_is_refused():
    picture = Pixels(np.tile(noise(16, 16), (16, 16, 1)))
    fast = len(picture.encoded())
    small = picture.encoded(max_bytes=fast - 1)
    assert len(small) < fast
    assert pictures.decode(small) == picture
    with pytest.raises(pictures.CannotEncode, match=r"256x256 pixels takes .* more than the 100 allowed"):
        picture.encoded(max_bytes=100)
    with pytest.raises(pictures.CannotEncode):
        picture.encoded(JPEG, max_bytes=100)


def test_what_a_kind_of_file_cannot_hold_is_refused_in_words():
    wide = Pixels(np.zeros((1, 16_384, 3), np.uint8))
    with pytest.raises(pictures.CannotEncode, match="WebP ends at 16383"):
        wide.encoded(WEBP)
    with pytest.raises(pictures.CannotEncode, match="not as 'image/tiff'"):
        wide.encoded("image/tiff")
    with pytest.raises(pictures.CannotEncode, match="1 to 100, not 0"):
        wide.encoded(JPEG, quality=0)


# What pictures and masks are


def test_digests_never_change():
    array = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    picture, mask = Pixels(array), Mask(array[..., 0])
    assert picture.digest == "acf9113243db5dd18a0a98a22ab8c37dd4ef8f0f426f82887e7bae78fdbc0655"
    assert picture.rgb_digest == "1bfeef2aa03b4d3afa5626151ae7ae08db49de9222c0a87e5ec002daafecbd3e"
    assert mask.digest == "ae4d069d8ad1a1a5fc3052acc3d2368a912253e52712e5379c9389b7f5730c3f"
    assert Pixels(array[..., :3]).digest == picture.rgb_digest


def test_the_same_samples_in_another_shape_are_another_picture():
    array = noise(4, 6)
    assert Pixels(array).digest != Pixels(array.reshape(6, 4, 3)).digest
    assert Pixels(array) != Pixels(array.reshape(6, 4, 3))


def test_a_picture_is_a_key_that_later_writes_cannot_change():
    array = noise()
    picture = Pixels(array)
    known = {picture: 1}
    array[:] = 0
    assert picture.digest == Pixels(noise()).digest
    assert known[Pixels(noise())] == 1
    with pytest.raises(ValueError):
        picture.array[0, 0, 0] = 1
    with pytest.raises(AttributeError):
        picture.array = array
    assert Mask(np.zeros((2, 2), np.uint8)) != Mask(np.ones((2, 2), np.uint8))


def test_a_picture_can_be_copied_and_sent_to_another_process():
    picture, mask = Pixels(noise()), Mask(noise()[..., 0])
    for copied in (copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))):
        assert copied(picture) == picture
        assert copied(mask) == mask


@pytest.mark.parametrize("wrong", [noise(channels=2), noise()[..., 0], noise().astype(float), noise(0, 3)])
def test_an_array_that_is_no_picture_is_refused(wrong):
    with pytest.raises(ValueError, match="A picture is uint8"):
        Pixels(wrong)


def test_an_array_that_is_no_mask_is_refused():
    with pytest.raises(ValueError, match="A mask is uint8"):
        Mask(noise())


def test_size_and_alpha_are_told():
    picture = Pixels(noise(5, 7, 4))
    assert (picture.width, picture.height, picture.has_alpha) == (7, 5, True)
    assert not Pixels(noise()).has_alpha
    assert "7x5" in repr(picture)


# Masks


def test_each_polarity_marks_the_same_place():
    marked = np.array([[255, 0, 100]], np.uint8)
    mask = Mask(marked)
    alpha, white, black = (Image.open(io.BytesIO(data)) for data in (mask.as_alpha(), mask.as_white(), mask.as_black()))
    assert (alpha.mode, white.mode, black.mode) == ("RGBA", "L", "L")
    assert np.asarray(alpha)[0].tolist() == [[255, 255, 255, 0], [255, 255, 255, 255], [255, 255, 255, 155]]
    assert np.asarray(white)[0].tolist() == [255, 0, 100]
    assert np.asarray(black)[0].tolist() == [0, 255, 155]


def test_an_empty_mask_and_the_hosts_placeholder_are_known():
    assert Mask(np.zeros((64, 64), np.uint8)).is_placeholder
    assert not Mask(np.zeros((64, 65), np.uint8)).is_placeholder
    assert Mask(np.zeros((3, 2), np.uint8)).is_empty
    one = np.zeros((64, 64), np.uint8)
    one[5, 5] = 1
    assert not Mask(one).is_empty
    assert not Mask(one).is_placeholder


def test_a_mask_of_another_size_is_refused_naming_both():
    mask = Mask(np.ones((5, 7), np.uint8))
    pictures.fits(mask, Pixels(noise(5, 7)))
    with pytest.raises(pictures.WrongSize, match=r"mask is 7x5 .* picture is 5x7"):
        pictures.fits(mask, Pixels(noise(7, 5)))


def test_a_mask_becomes_alpha_and_never_uncovers_what_was_transparent():
    mask = Mask(np.array([[255, 0, 100]], np.uint8))
    assert pictures.with_alpha(Pixels(noise(1, 3)), mask).array[..., 3].tolist() == [[0, 255, 155]]
    half = noise(1, 3, 4)
    half[..., 3] = 128
    both = pictures.with_alpha(Pixels(half), mask).array
    assert both[..., 3].tolist() == [[0, 128, 128]]
    assert np.array_equal(both[..., :3], half[..., :3])
    none = Mask(np.zeros((64, 64), np.uint8))
    assert pictures.with_alpha(Pixels(noise()), none) == Pixels(noise())
    with pytest.raises(pictures.WrongSize):
        pictures.with_alpha(Pixels(noise()), mask)


# Tensors


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([1, 3, 4]))
def test_a_tensor_comes_back_within_half_a_step(seed, batch, channels):
    torch = pytest.importorskip("torch")
    image = torch.rand((batch, 4, 6, channels), generator=torch.Generator().manual_seed(seed))
    files = [item.encoded() for item in pictures.from_tensor(image)]
    (back,), (holes,) = pictures.to_batches([pictures.decode(data) for data in files])
    assert back.dtype == holes.dtype == torch.float32
    assert back.shape == (batch, 4, 6, 3)
    assert (back - image[..., :3]).abs().max() <= 0.5 / 255 + 1e-6
    wanted = 1 - image[..., 3] if channels == 4 else torch.zeros(batch, 4, 6)
    assert (holes - wanted).abs().max() <= 0.5 / 255 + 1e-6


def test_every_8_bit_value_survives_tensors_exactly():
    pytest.importorskip("torch")
    every = Pixels(np.arange(256 * 4, dtype=np.int64).astype(np.uint8).reshape(16, 16, 4))
    (image,), (mask,) = pictures.to_batches([every])
    assert pictures.from_tensor(image)[0].digest == every.rgb_digest
    assert pictures.with_alpha(pictures.from_tensor(image)[0], pictures.masks_from_tensor(mask)[0]) == every


def test_values_are_rounded_and_clamped_never_cut():
    torch = pytest.importorskip("torch")
    values = torch.tensor([-1.0, 0.4 / 255, 0.6 / 255, 253.9 / 255, 1.0, 7.0, float("inf")])
    assert pictures.from_tensor(values.reshape(1, 1, -1, 1))[0].array[0, :, 0].tolist() == [0, 0, 1, 254] + [255] * 3
    assert pictures.masks_from_tensor(values[None])[0].array[0].tolist() == [0, 0, 1, 254] + [255] * 3


def test_a_mask_keeps_its_meaning_from_tensor_to_mask():
    torch = pytest.importorskip("torch")
    mask = torch.zeros(2, 3, 4)
    mask[1, 0, 0] = 1
    for given_mask in (mask, mask[:, None]):
        first, second = pictures.masks_from_tensor(given_mask)
        assert first.is_empty
        assert second.array[0, 0] == 255
    assert pictures.masks_from_tensor(mask[1]) == [second]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_precisions_and_grey_pictures_are_taken(dtype):
    torch = pytest.importorskip("torch")
    image = torch.ones((1, 2, 2, 1), dtype=getattr(torch, dtype), requires_grad=True)
    assert pictures.from_tensor(image) == [Pixels(np.full((2, 2, 3), 255, np.uint8))]


def test_tensors_that_are_no_pictures_are_refused_in_words():
    torch = pytest.importorskip("torch")
    broken = torch.zeros(2, 3, 3, 3)
    broken[1, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="Picture 2 of the batch holds values that are not numbers"):
        pictures.from_tensor(broken)
    with pytest.raises(ValueError, match="Mask 2 of the batch"):
        pictures.masks_from_tensor(broken[..., 0])
    with pytest.raises(ValueError, match=r"not as \(2, 3, 3, 2\)"):
        pictures.from_tensor(torch.zeros(2, 3, 3, 2))
    with pytest.raises(ValueError, match="MASK"):
        pictures.masks_from_tensor(torch.zeros(2, 3, 3, 3))
    with pytest.raises(ValueError, match="uint8"):
        pictures.from_tensor(torch.zeros((1, 2, 2, 3), dtype=torch.uint8))


def test_mixed_sizes_keep_their_order():
    pytest.importorskip("torch")
    sizes = [(2, 3), (2, 3), (4, 4), (2, 3)]
    made = [Pixels(noise(*size, channels=3 + place % 2, seed=place)) for place, size in enumerate(sizes)]
    images, masks = pictures.to_batches(made)
    assert [tuple(image.shape) for image in images] == [(2, 2, 3, 3), (1, 4, 4, 3), (1, 2, 3, 3)]
    assert [tuple(mask.shape) for mask in masks] == [(2, 2, 3), (1, 4, 4), (1, 2, 3)]
    read = [item for image in images for item in pictures.from_tensor(image)]
    assert [item.digest for item in read] == [item.rgb_digest for item in made]
    assert not masks[0][0].any()
    assert masks[0][1].any()
    assert pictures.to_batches([]) == ([], [])


# Files that are saved

TEXT = {"prompt": '{"3": "café 🎨"}', "workflow": '{"nodes": []}', "easel": '{"take": 0}'}
ASCII_PROMPT = '{"3": "caf\\u00e9 \\ud83c\\udfa8"}'


def test_a_saved_png_carries_its_texts_and_its_pixels():
    data = pictures.save_bytes(Pixels(noise()), text=TEXT)
    read = Image.open(io.BytesIO(data))
    assert read.text == {**TEXT, "prompt": ASCII_PROMPT}
    assert b"tEXtprompt\x00" in data
    assert np.array_equal(np.asarray(read), noise())


@pytest.mark.parametrize("media_type", [WEBP, JPEG])
def test_other_kinds_carry_texts_in_exif_as_the_host_does(media_type):
    exif = Image.open(io.BytesIO(pictures.save_bytes(Pixels(noise()), media_type, text=TEXT))).getexif()
    assert exif[0x0110] == f"prompt:{ASCII_PROMPT}"
    assert exif[0x010F] == 'workflow:{"nodes": []}'
    assert exif[0x010E] == 'easel:{"take": 0}'


def test_without_texts_a_saved_file_is_the_encoded_one():
    for media_type in (PNG, JPEG, WEBP):
        assert pictures.save_bytes(Pixels(noise()), media_type) == Pixels(noise()).encoded(media_type)


def test_texts_too_long_for_a_jpeg_are_refused_in_words():
    with pytest.raises(pictures.CannotEncode, match="choose PNG or WebP"):
        pictures.save_bytes(Pixels(noise()), JPEG, text={"workflow": "x" * 70_000})
    longest = pictures.save_bytes(Pixels(noise()), JPEG, text={"workflow": "x" * 65_400})
    assert pictures.media_type_of(longest) == JPEG
