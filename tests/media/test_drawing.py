"""What a picture looks like after it was drawn anew: sizes, colours, what moves, and nothing but pixels."""

import hashlib
import io
import struct

import blurhash
import pytest
import pyvips
from PIL import Image, ImageOps

from common.errors import Unavailable, Unprocessable, UnsupportedMediaType
from media import drawing
from media.drawing import Picture
from media.drawing.pool import Pool
from tests.media.forged import animation, chunk, exif_with_gps, jpeg_with, photo, png, segment, webp_frames
from tests.media.forged import picture as encoded

BLUE, RED = [20, 40, 220], [220, 30, 20]


@pytest.fixture(scope="module")
def own_pool():
    pool = Pool(1, pictures=10_000)
    yield pool
    pool.close()


@pytest.fixture(autouse=True)
def _draws_there(own_pool, monkeypatch):
    monkeypatch.setattr(drawing, "decoders", own_pool)


@pytest.fixture
def draw(tmp_path):
    """`draw(data, …)`: the picture drawn of these bytes."""
    source, folder = tmp_path / "source", tmp_path / "drawn"
    folder.mkdir()

    def send(data: bytes, **options) -> Picture:
        source.write_bytes(data)
        return drawing.draw(source, folder, **options)

    return send


def plain(colour, width=64, height=48) -> pyvips.Image:
    return (pyvips.Image.black(width, height) + colour).cast("uchar").copy(interpretation="srgb")


def large(suffix: str, width: int, height: int, **options) -> bytes:
    return photo(width, height).write_to_buffer(suffix, **options)


def seen(file, **options) -> pyvips.Image:
    return pyvips.Image.new_from_file(str(file.path), **options)


def sizes(picture: Picture) -> dict[str, tuple[int, int]]:
    return {file.name: (file.width, file.height) for file in picture.files}


def close_to(colour, expected, within=12) -> bool:
    return all(abs(one - other) <= within for one, other in zip(colour, expected, strict=True))


class TestSizes:
    def test_a_large_one_has_every_variant_in_its_size(self, draw):
        picture = draw(large(".jpg", 3000, 2000))
        assert (picture.width, picture.height) == (2560, 1707)
        assert sizes(picture) == {
            "original": (2560, 1707), "medium": (1024, 683), "small": (512, 341), "thumbnail": (256, 171),
        }  # fmt: skip
        for file in picture.files:
            assert (seen(file).width, seen(file).height) == (file.width, file.height)

    @pytest.mark.parametrize(
        ("size", "names"),
        [
            ((1100, 30), ["original", "medium", "small", "thumbnail"]),
            ((1024, 30), ["original", "small", "thumbnail"]),
            ((30, 513), ["original", "small", "thumbnail"]),
            ((257, 257), ["original", "thumbnail"]),
            ((256, 256), ["original"]),
            ((1, 1), ["original"]),
        ],
    )
    def test_a_variant_is_made_where_it_is_smaller(self, draw, size, names):
        picture = draw(large(".png", *size))
        assert [file.name for file in picture.files] == names
        assert sizes(picture)["original"] == size

    @pytest.mark.parametrize(("size", "thumbnail"), [((3000, 1), (256, 1)), ((1, 3000), (1, 256))])
    def test_a_line_stays_a_line(self, draw, size, thumbnail):
        assert sizes(draw(large(".png", *size)))["thumbnail"] == thumbnail

    def test_the_site_says_how_large_it_may_be(self, draw, settings):
        settings.IMAGE_MAX_WIDTH, settings.IMAGE_MAX_HEIGHT = 300, 100
        assert sizes(draw(large(".png", 600, 400))) == {"original": (150, 100)}

    def test_a_square_is_its_middle(self, draw):
        sides = pyvips.Image.arrayjoin([plain(RED, 50, 100), plain(BLUE, 100, 100), plain(RED, 50, 100)], across=3)
        picture = draw(sides.write_to_buffer(".png"), square=True)
        assert sizes(picture) == {"original": (100, 100)}
        assert all(close_to(seen(picture.files[0])(x, 50), BLUE) for x in (2, 50, 97))

    def test_a_square_is_at_most_1024_pixels(self, draw):
        picture = draw(large(".jpg", 2600, 1500), square=True)
        assert sizes(picture) == {"original": (1024, 1024), "small": (512, 512), "thumbnail": (256, 256)}

    @pytest.mark.parametrize("factor", [1, 2, 4, 8])
    def test_a_photo_that_is_read_smaller_is_the_same_photo(self, draw, factor):
        """Half red, half blue, exactly in the middle: whatever is skipped while it is decoded."""
        half = plain(RED, 300 * factor, 400 * factor).join(plain(BLUE, 300 * factor, 400 * factor), "horizontal")
        picture = draw(half.write_to_buffer(".jpg", Q=95), names=["small", "thumbnail"])
        assert sizes(picture) == {"small": (512, 341), "thumbnail": (256, 171)}
        small = seen(picture.files[0])
        assert close_to(small(250, 170), RED)
        assert close_to(small(261, 170), BLUE)


class TestWhatCameIn:
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".avif"])
    def test_each_format_is_drawn(self, draw, suffix):
        picture = draw(plain(BLUE).write_to_buffer(suffix))
        assert not picture.animated
        assert close_to(seen(picture.files[0])(30, 20)[:3], BLUE)
        assert picture.files[0].mime_type == "image/webp"

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("square", [False, True])
    def test_it_is_turned_upright(self, draw, orientation, square):
        corners = [plain(colour, 160, 120) for colour in (RED, BLUE, [240, 240, 240], [10, 10, 10])]
        joined = pyvips.Image.arrayjoin(corners, across=2)
        joined.set_type(pyvips.GValue.gint_type, "orientation", orientation)
        data = joined.write_to_buffer(".jpg", Q=95)
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        picture = draw(data, square=square)
        drawn = seen(picture.files[0])
        assert (drawn.width, drawn.height) == ((240, 240) if square else upright.size)
        at = [(upright.width // 2 + x, upright.height // 2 + y) for x in (-50, 50) for y in (-50, 50)]
        moved = [((drawn.width - upright.width) // 2, (drawn.height - upright.height) // 2)] * 4
        for (x, y), (right, down) in zip(at, moved, strict=True):
            assert close_to(drawn(x + right, y + down), upright.getpixel((x, y)))
        assert not drawn.get_typeof("orientation")

    @pytest.mark.parametrize(("suffix", "kind"), [(".jpg", "progressive"), (".png", "interlaced")])
    def test_what_is_saved_in_passes(self, draw, suffix, kind):
        picture = draw(plain(BLUE, 300, 200).write_to_buffer(suffix, interlace=True))
        assert close_to(seen(picture.files[1])(100, 80), BLUE), kind

    def test_what_is_meant_for_print(self, draw):
        """CMYK, without a profile and turned on its side."""
        data = io.BytesIO()
        Image.new("CMYK", (300, 200), (0, 255, 255, 0)).save(data, "JPEG", quality=95)
        picture = draw(data.getvalue())
        red, green, blue = seen(picture.files[0])(150, 100)
        assert red > 180
        assert max(green, blue) < 90

    def test_sixteen_bits(self, draw):
        fine = (plain(BLUE).cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
        assert close_to(seen(draw(fine.write_to_buffer(".png", bitdepth=16)).files[0])(30, 20), BLUE)

    def test_sixteen_bits_of_grey_with_alpha(self, draw):
        grey, alpha = (pyvips.Image.black(300, 300) + value for value in (40_000, 32_768))
        fine = grey.bandjoin(alpha).cast("ushort").copy(interpretation="grey16")
        drawn = seen(draw(fine.write_to_buffer(".png", bitdepth=16)).files[1])
        assert close_to(drawn(100, 100), [156, 156, 156, 128], within=3)

    def test_a_palette(self, draw):
        assert close_to(seen(draw(plain(RED).write_to_buffer(".png", palette=True)).files[0])(30, 20), RED)

    def test_grey_with_alpha(self, draw):
        grey = pyvips.Image.black(300, 300).new_from_image([90, 128]).cast("uchar").copy(interpretation="b-w")
        picture = draw(grey.write_to_buffer(".png"))
        for file in picture.files:
            assert close_to(seen(file)(100, 100), [90, 90, 90, 128], within=3)

    def test_one_bit(self, draw):
        picture = draw(png(16, 16, bits=1, colour=0))
        assert close_to(seen(picture.files[0])(8, 8), [0, 0, 0], within=3)

    def test_what_is_seen_through_stays_so_and_lends_no_colour(self, draw):
        """Left nothing (of a green that nobody sees), right a solid red."""
        nothing = plain([0, 255, 0], 400, 400).bandjoin(0)
        picture = draw(nothing.join(plain(RED, 400, 400).bandjoin(255), "horizontal").write_to_buffer(".png"))
        drawn = seen(picture.files[-1])
        assert drawn(20, 60)[3] == 0
        assert close_to(drawn(200, 60), [*RED, 255])
        edge = [drawn(x, 60) for x in range(124, 134)]
        assert not [pixel for pixel in edge if pixel[3] > 100 and pixel[1] > 90]

    def test_colours_of_a_wider_space_are_brought_into_ours(self, draw):
        """As a phone does: the numbers change, the colour doesn't."""
        wide = plain([200, 100, 60], 300, 200)
        data = wide.icc_transform("p3", input_profile="srgb", depth=8).write_to_buffer(".jpg", Q=95)
        stored = pyvips.Image.new_from_buffer(data, "")
        assert stored.get_typeof("icc-profile-data")
        assert not close_to(stored(150, 100), [200, 100, 60], within=5)
        for file in draw(data).files:
            assert close_to(seen(file)(100, 80), [200, 100, 60], within=5)

    def test_a_profile_that_is_none_is_ignored(self, draw):
        blue = plain(BLUE)
        blue.set_type(pyvips.GValue.blob_type, "icc-profile-data", b"no profile at all" * 20)
        assert close_to(seen(draw(blue.write_to_buffer(".jpg", Q=95)).files[0])(30, 20), BLUE)

    def test_a_file_that_is_no_picture_is_refused(self, draw):
        with pytest.raises(UnsupportedMediaType):
            draw(b"%PDF-1.7")

    def test_a_file_that_is_not_there_is_our_fault(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            drawing.draw(tmp_path / "nothing", tmp_path)

    def test_a_folder_that_is_not_there_is_our_fault(self, draw, tmp_path):
        (tmp_path / "source").write_bytes(encoded(".png"))
        with pytest.raises(Unavailable):
            drawing.draw(tmp_path / "source", tmp_path / "nowhere")


class TestLimits:
    @pytest.mark.parametrize(("suffix", "options"), [(".jpg", {}), (".png", {"compression": 1})])
    def test_what_has_to_be_read_as_a_whole_may_have_fewer_pixels(self, draw, suffix, options):
        many = pyvips.Image.black(5000, 4000)
        assert draw(many.write_to_buffer(suffix, **options)).width == 2560
        with pytest.raises(Unprocessable, match="16 million"):
            draw(many.write_to_buffer(suffix, interlace=True, **options))

    def test_more_than_forty_million_are_too_many(self, draw):
        with pytest.raises(Unprocessable, match="40 million"):
            draw(png(8000, 5001, bits=1, colour=0))

    def test_three_hundred_frames_are_not_too_many(self, draw):
        assert draw(webp_frames(2, 2, 300)).animated
        with pytest.raises(Unprocessable, match="300 frames"):
            draw(webp_frames(2, 2, 301))


class TestWhatMoves:
    @pytest.mark.parametrize("suffix", [".gif", ".webp"])
    def test_it_goes_on_moving_and_its_variants_stand_still(self, draw, suffix):
        picture = draw(animation(suffix, frames=5, side=300))
        assert picture.animated
        original, thumbnail = picture.files
        moving = seen(original, n=-1)
        assert (moving.width, moving.get_page_height(), moving.get("n-pages")) == (300, 300, 5)
        assert moving.get("delay") == [80] * 5
        assert seen(thumbnail).get_n_pages() == 1
        assert (thumbnail.width, thumbnail.height) == (256, 256)

    def test_a_variant_is_of_the_first_frame(self, draw):
        strip = pyvips.Image.arrayjoin([plain(RED, 300, 300), plain(BLUE, 300, 300)], across=1)
        picture = draw(strip.write_to_buffer(".webp", page_height=300, Q=95))
        assert close_to(seen(picture.files[1])(100, 100), RED)

    def test_each_frame_is_made_smaller_by_itself(self, draw, settings):
        settings.IMAGE_MAX_WIDTH, settings.IMAGE_MAX_HEIGHT = 100, 100
        strip = pyvips.Image.arrayjoin([plain(RED, 333, 250), plain(BLUE, 333, 250)], across=1)
        picture = draw(strip.write_to_buffer(".webp", page_height=250, lossless=True))
        moving = seen(picture.files[0], n=-1)
        assert (moving.width, moving.get_page_height(), moving.height) == (100, 75, 150)
        assert close_to(moving(50, 74), RED)
        assert close_to(moving(50, 75), BLUE)

    def test_a_square_moves_too(self, draw):
        strip = pyvips.Image.arrayjoin([photo(1300, 1100), plain(RED, 1300, 1100)], across=1)
        picture = draw(strip.write_to_buffer(".webp", page_height=1100), square=True)
        moving = seen(picture.files[0], n=-1)
        assert (moving.width, moving.get_page_height(), moving.height) == (1024, 1024, 2048)
        assert sizes(picture)["small"] == (512, 512)

    def test_a_png_that_moves_is_drawn_as_its_first_frame(self, draw):
        turns = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 16, 16, 0, 0, 1, 10, 0, 0))
        picture = draw(png(16, 16, more=chunk(b"acTL", struct.pack(">II", 2, 0)) + turns))
        assert not picture.animated
        assert close_to(seen(picture.files[0])(8, 8), [0, 0, 0], within=3)

    def test_it_moves_as_webp_whatever_the_site_prefers(self, draw, settings):
        settings.IMAGE_FORMAT = "avif"
        picture = draw(animation(".gif", side=300))
        assert [file.mime_type for file in picture.files] == ["image/webp", "image/avif"]


class TestWhatComesOut:
    def test_a_site_may_prefer_avif(self, draw, settings):
        settings.IMAGE_FORMAT = "avif"
        picture = draw(plain(BLUE, 300, 200).bandjoin(128).write_to_buffer(".png"))
        for file in picture.files:
            assert (file.mime_type, file.path.suffix) == ("image/avif", ".avif")
            assert file.path.read_bytes()[4:12] == b"ftypavif"
            assert close_to(seen(file)(100, 80), [*BLUE, 128])

    def test_the_site_says_how_fine(self, draw, settings):
        data, size = large(".png", 200, 200), {}
        for settings.IMAGE_QUALITY in (40, 95):
            size[settings.IMAGE_QUALITY] = draw(data).files[0].size
        assert size[40] * 2 < size[95]

    def test_what_is_said_of_a_file_is_true(self, draw):
        for file in draw(large(".jpg", 1200, 900)).files:
            data = file.path.read_bytes()
            assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())

    def test_nothing_but_pixels_is_in_it(self, draw):
        data = jpeg_with(segment(0xE1, exif_with_gps()), segment(0xFE, b"made by troupe"))
        assert pyvips.Image.new_from_buffer(data, "").get("exif-ifd3-GPSLatitude")
        words = ("exif", "xmp", "iptc", "icc", "gps", "comment")
        for file in draw(data).files:
            assert not [name for name in seen(file).get_fields() if any(word in name.lower() for word in words)]
            assert b"troupe" not in file.path.read_bytes()

    def test_it_says_how_long_it_took(self, draw):
        seconds = draw(encoded(".jpg")).seconds
        assert set(seconds) == {"decode", "encode"}
        assert all(0 < value < 30 for value in seconds.values())


class TestBlurhash:
    @pytest.mark.parametrize("colour", [RED, BLUE, [255, 255, 255]])
    def test_it_has_the_colour_of_the_picture(self, draw, colour):
        hashed = draw(plain(colour, 700, 500).write_to_buffer(".png")).blurhash
        assert blurhash.components(hashed) == (4, 3)
        assert close_to(blurhash.decode(hashed, 8, 8)[4][4], colour)

    def test_it_is_lighter_where_the_picture_is(self, draw):
        half = plain([0, 0, 0], 200, 200).join(plain([255, 255, 255], 200, 200), "horizontal")
        rows = blurhash.decode(draw(half.write_to_buffer(".png")).blurhash, 16, 8)
        assert rows[4][14][0] - rows[4][1][0] > 100

    def test_where_nothing_is_seen_it_is_white(self, draw):
        hashed = draw(plain([0, 0, 0]).bandjoin(0).write_to_buffer(".png")).blurhash
        assert close_to(blurhash.decode(hashed, 4, 4)[2][2], [255, 255, 255])


class TestWhatIsMadeLater:
    def test_a_variant_alone(self, draw):
        stored = draw(large(".jpg", 2000, 1500)).files[0].path.read_bytes()
        later = draw(stored, names=["small"])
        assert sizes(later) == {"small": (512, 384)}
        assert (later.width, later.height) == (2000, 1500)

    @pytest.mark.parametrize("size", [(2999, 1999), (1717, 2559)])
    def test_it_has_the_size_it_would_have_had(self, draw, size):
        at_once = draw(large(".png", *size))
        later = draw(at_once.files[0].path.read_bytes(), names=["thumbnail", "medium"])
        assert sizes(later) == {
            name: at_once_size for name, at_once_size in sizes(at_once).items() if name in sizes(later)
        }
        assert [file.name for file in later.files] == ["medium", "thumbnail"]

    def test_of_what_moves_the_first_frame(self, draw):
        later = draw(animation(".webp", side=300), names=["thumbnail"])
        assert later.animated
        assert seen(later.files[0]).get_n_pages() == 1

    def test_none_where_it_would_be_no_smaller(self, draw):
        picture = draw(large(".png", 200, 100), names=["medium"])
        assert (picture.files, picture.width, picture.height) == ([], 200, 100)
        assert blurhash.components(picture.blurhash) == (4, 3)

    def test_a_name_that_does_not_exist_is_a_mistake_of_ours(self, draw):
        with pytest.raises(ValueError, match="huge"):
            draw(encoded(".png"), names=["huge"])
