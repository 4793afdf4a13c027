"""Every kind of picture file is read right: depth, palette, transparency, ink, colour profile, the way up."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from easel.nodes import pictures
from easel.nodes.pictures import NotAPicture

needs_avif = pytest.mark.skipif(
    "avif" not in features.modules or not features.check("avif"), reason="this Pillow reads no AVIF"
)


def noise(height=5, width=7, channels=3, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def file_of(image, kind, **settings):
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def raw_png(rows, width, height, depth, colour, *extra):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = b"".join(extra) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def png16(array, *extra):
    """A 16-bit PNG of (H, W, C), each row filtered with Sub, which depends on the bytes a pixel has."""
    height, width, channels = array.shape
    stored = array.astype(">u2").reshape(height, -1).view(np.uint8)
    before = np.pad(stored, ((0, 0), (2 * channels, 0)))[:, : stored.shape[1]]
    rows = b"".join(b"\x01" + row.tobytes() for row in stored - before)
    return raw_png(rows, width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], *extra)


def rounded(deep):
    return np.floor(deep / 257 + 0.5).astype(np.uint8)


# Every kind of file


def test_greyscale_with_and_without_alpha():
    grey = noise(channels=2)
    plain = pictures.decode(file_of(Image.fromarray(grey[..., 0]), "PNG")).array
    assert np.array_equal(plain, np.repeat(grey[..., :1], 3, axis=2))
    both = pictures.decode(file_of(Image.fromarray(grey), "PNG")).array
    assert np.array_equal(both, np.dstack([plain, grey[..., 1]]))


def test_two_levels_and_their_transparent_one():
    assert pictures.decode(file_of(Image.new("1", (3, 2), 1), "PNG")).array.tolist() == [[[255] * 3] * 3] * 2
    rows = b"\x00\xa0"
    clear = pictures.decode(raw_png(rows, 3, 1, 1, 0, chunk(b"tRNS", b"\x00\x01"))).array
    assert clear.tolist() == [[[255, 255, 255, 0], [0, 0, 0, 255], [255, 255, 255, 0]]]


def test_the_transparent_level_of_a_four_bit_greyscale():
    clear = pictures.decode(raw_png(b"\x00\x5f", 2, 1, 4, 0, chunk(b"tRNS", b"\x00\x05"))).array
    assert clear.tolist() == [[[85, 85, 85, 0], [255, 255, 255, 255]]]


def test_the_transparent_colour_of_an_rgb_png():
    data = raw_png(b"\x00\x01\x02\x03\x01\x02\x04", 2, 1, 8, 2, chunk(b"tRNS", struct.pack(">3H", 1, 2, 3)))
    assert pictures.decode(data).array.tolist() == [[[1, 2, 3, 0], [1, 2, 4, 255]]]


def test_palettes_with_and_without_transparency():
    indexed = Image.new("P", (2, 1))
    indexed.putpalette([10, 20, 30, 40, 50, 60])
    indexed.putdata([0, 1])
    assert pictures.decode(file_of(indexed, "PNG")).array.tolist() == [[[10, 20, 30], [40, 50, 60]]]
    clear = pictures.decode(file_of(indexed, "PNG", transparency=b"\x80\xff")).array
    assert clear.tolist() == [[[10, 20, 30, 128], [40, 50, 60, 255]]]
    gif = pictures.decode(file_of(indexed, "GIF", transparency=1)).array
    assert gif.tolist() == [[[10, 20, 30, 255], [40, 50, 60, 0]]]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_are_rounded_not_cut(channels):
    deep = np.random.default_rng(channels).integers(0, 65536, (6, 5, channels)).astype(np.uint16)
    deep[0, 0], deep[0, 1], deep[0, 2], deep[0, 3] = 65535, 0, 128, 129
    got = pictures.decode(png16(deep)).array
    wanted = rounded(deep) if channels > 2 else np.dstack([rounded(deep[..., :1])] * 3 + [rounded(deep[..., 1:])])
    assert np.array_equal(got, wanted)
    assert got[0, :4, 0].tolist() == [255, 0, 0, 1]


def test_the_transparent_colour_of_sixteen_bits_is_exact():
    deep = np.array([[[1000, 2000, 3000], [1000, 2000, 3001]]], np.uint16)
    key = chunk(b"tRNS", struct.pack(">3H", 1000, 2000, 3000))
    assert pictures.decode(png16(deep, key)).array[..., 3].tolist() == [[0, 255]]
    grey = chunk(b"tRNS", struct.pack(">H", 1000))
    assert pictures.decode(png16(deep[..., :1], grey)).array[..., 3].tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("ink", "colour"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0, 0, 0, 55), (200, 200, 200)),
    ],
)
def test_cmyk_as_adobe_stores_it(ink, colour):
    data = file_of(Image.new("CMYK", (16, 16), ink), "JPEG", quality=100)
    assert b"Adobe" in data
    assert abs(pictures.decode(data).array.astype(int) - colour).max() <= 2


def test_an_animation_gives_its_first_picture():
    red, blue = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    for kind in ("PNG", "GIF", "WEBP"):
        extra = {"lossless": True} if kind == "WEBP" else {}
        got = pictures.decode(file_of(red, kind, save_all=True, append_images=[blue], duration=100, **extra)).array
        assert got[..., :3].tolist() == [[[255, 0, 0]] * 8] * 8, kind


@needs_avif
def test_avif_is_read():
    data = file_of(Image.new("RGBA", (16, 16), (255, 0, 0, 128)), "AVIF", quality=100)
    assert abs(pictures.decode(data).array.astype(int) - (255, 0, 0, 128)).max() <= 3
    with pytest.raises(NotAPicture, match=r"only part of a picture \(AVIF"):
        pictures.decode(data[:-5])


def test_an_avif_that_this_pillow_cannot_read_says_so(monkeypatch):
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(NotAPicture, match=r"AVIF picture, which the installed Pillow .* update Pillow"):
        pictures.decode(b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00mif1miaf" + bytes(50))


# The way up

UPRIGHT = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
STORED = {
    1: UPRIGHT,
    2: [[80, 40, 0], [200, 160, 120]],
    3: [[200, 160, 120], [80, 40, 0]],
    4: [[120, 160, 200], [0, 40, 80]],
    5: [[0, 120], [40, 160], [80, 200]],
    6: [[80, 200], [40, 160], [0, 120]],
    7: [[200, 80], [160, 40], [120, 0]],
    8: [[120, 0], [160, 40], [200, 80]],
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_every_exif_orientation_ends_upright(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    # Blocks of one value each, so that lossy kinds keep them apart.
    stored = np.kron(np.array(STORED[orientation], np.uint8), np.ones((16, 16), np.uint8))
    data = file_of(Image.fromarray(stored).convert("RGB"), kind, exif=exif.tobytes(), quality=95)
    got = pictures.decode(data).array
    assert got.shape == (32, 48, 3)
    assert abs(got[8::16, 8::16, 0].astype(int) - UPRIGHT).max() <= 3


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_not_lose_the_picture():
    data = file_of(Image.fromarray(noise()), "PNG", exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff")
    assert np.array_equal(pictures.decode(data).array, noise())
    data = file_of(Image.fromarray(noise()), "PNG", exif=b"nonsense, no TIFF at all")
    assert np.array_equal(pictures.decode(data).array, noise())


# Colour profiles


def profile_with_gamma(gamma, space=b"RGB "):
    return profile(struct.pack(">IH", 1, round(gamma * 256)) + bytes(2), space)


def profile(points, space=b"RGB "):
    """A small ICC v2 profile: sRGB's primaries, or grey, and a curve of those points (ICC.1:2001-04)."""
    curve = b"curv" + bytes(4) + points
    xyz = {
        b"wtpt": (0.9642, 1.0, 0.8249),
        b"rXYZ": (0.4360, 0.2225, 0.0139),
        b"gXYZ": (0.3851, 0.7169, 0.0971),
        b"bXYZ": (0.1431, 0.0606, 0.7141),
    }
    names = [b"wtpt", b"kTRC"] if space == b"GRAY" else [*xyz, b"rTRC", b"gTRC", b"bTRC"]
    table, body, at = b"", b"", 128 + 4 + 12 * len(names)
    for name in names:
        value = xyz.get(name)
        tag = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in value)) if value else curve
        table += struct.pack(">4sII", name, at + len(body), len(tag))
        body += tag
    head = struct.pack(">I4xI4s4s4s", at + len(body), 0x02100000, b"mntr", space, b"XYZ ") + bytes(12) + b"acsp"
    head = head.ljust(68, b"\x00") + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\x00") + struct.pack(">I", len(names)) + table + body


def srgb(linear):
    """IEC 61966-2-1, the encoding curve."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_embedded_profile_is_converted_to_srgb(kind):
    extra = {"lossless": True} if kind == "WEBP" else {"quality": 100}
    flat = Image.new("RGB", (16, 16), (128, 128, 128))
    data = file_of(flat, kind, icc_profile=profile_with_gamma(1.0), **extra)
    wanted = round(255 * srgb(128 / 255))
    assert wanted == 188
    assert abs(pictures.decode(data).array.astype(int) - wanted).max() <= 1


def test_grey_profiles_and_alpha_go_together():
    grey = np.full((4, 4, 2), (128, 77), np.uint8)
    data = file_of(Image.fromarray(grey), "PNG", icc_profile=profile_with_gamma(1.0, b"GRAY"))
    got = pictures.decode(data).array
    assert abs(got[..., :3].astype(int) - 188).max() <= 1
    assert (got[..., 3] == 77).all()


def test_sixteen_bits_with_a_profile():
    packed = chunk(b"iCCP", b"linear\x00\x00" + zlib.compress(profile_with_gamma(1.0)))
    got = pictures.decode(png16(np.full((4, 4, 3), 128 * 257, np.uint16), packed)).array
    assert abs(got.astype(int) - 188).max() <= 1


def test_srgb_by_another_name_and_coarser_curve_changes_nothing():
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.linspace(0, 1, 16)]
    points = struct.pack(">I16H", 16, *(round(65535 * v) for v in linear))
    data = file_of(Image.fromarray(noise(64, 64)), "PNG", icc_profile=profile(points))
    assert np.array_equal(pictures.decode(data).array, noise(64, 64))


def test_srgb_itself_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = file_of(Image.fromarray(noise(64, 64)), "PNG", icc_profile=profile)
    assert np.array_equal(pictures.decode(data).array, noise(64, 64))


@pytest.mark.parametrize("bad", [b"no profile", profile_with_gamma(1.0)[:200], profile_with_gamma(1.0, b"GRAY")])
def test_a_profile_that_cannot_be_used_is_ignored(bad):
    data = file_of(Image.fromarray(noise()), "PNG", icc_profile=bad)
    assert np.array_equal(pictures.decode(data).array, noise())
