"""Segment Anything's masks are those of its package; a picture is looked at once; large ones stay within memory."""

import sys

import numpy as np
import pytest
import torch
from segment_anything import SamAutomaticMaskGenerator, SamPredictor

from easel.nodes.local.handle import Handle
from easel.nodes.local.masks.sam import colours, everything, model
from easel.nodes.local.masks.sam.choices import ALL, BEST, LARGEST, SMALLEST
from easel.nodes.local.masks.sam.family import Asked
from easel.nodes.local.masks.sam.files import open_model
from easel.nodes.local.masks.sam.points import Clicks
from easel.nodes.local.masks.sam.segmenting import segment
from easel.nodes.pictures import Pixels
from support.tiny_sam import MODEL, on_cpu, package_model, scene

CPU = torch.device("cpu")
DISC = Clicks(points=((38.0, 48.0, 1),))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two threads that share their cores with others take longer over small models than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def opened():
    family = open_model(MODEL)
    return model.SegmentAnything(family, Handle(family.module, CPU, CPU), on_cpu)


@pytest.fixture(scope="module")
def package():
    return package_model()


@pytest.fixture
def sam():
    return opened()


def found(sam, picture, clicks, keep=ALL, mask=None):
    shot = Pixels(picture)
    asked = clicks.asked(shot.width, shot.height)
    with sam.on_device():
        return segment(sam, shot, Asked(asked.points, asked.labels, asked.boxes, mask), keep)


@pytest.mark.parametrize("size", [(128, 96), (96, 128), (300, 77), (1031, 640)], ids=str)
@pytest.mark.parametrize(
    "clicks",
    [
        Clicks(points=((0.3, 0.5, 1),)),
        Clicks(points=((0.3, 0.5, 1), (0.75, 0.5, 0), (0.33, 0.4, 1))),
        Clicks(box=(0.1, 0.2, 0.5, 0.8)),
        Clicks(points=((0.75, 0.5, 1),), box=(0.6, 0.2, 0.95, 0.8)),
    ],
    ids=["a point", "points", "a box", "both"],
)
def test_masks_and_scores_equal_the_package_s_own(package, sam, size, clicks):
    picture = scene(*size)
    wide = np.array([*size])
    points = np.array([point[:2] for point in clicks.points]).reshape(-1, 2) * wide
    box = None if clicks.box is None else (np.array(clicks.box).reshape(2, 2) * wide).reshape(4)
    predictor = SamPredictor(package)
    predictor.set_image(picture)
    masks, scores, _ = predictor.predict(
        points if len(points) else None, np.array([point[2] for point in clicks.points]) if len(points) else None, box
    )
    placed = Clicks(clicks.points, clicks.box, size=(1, 1))

    ours = found(sam, picture, placed)

    order = np.argsort(-scores)
    assert [one.score for one in ours] == pytest.approx(scores[order].tolist(), abs=1e-6)
    assert np.array_equal(np.stack([one.mask.numpy() for one in ours]), masks[order])
    assert masks.any()


def test_an_earlier_mask_is_given_on_as_the_package_takes_it(package, sam):
    picture = scene(128, 128)
    earlier = np.zeros((128, 128), np.float32)
    earlier[40:90, 20:60] = 1
    predictor = SamPredictor(package)
    predictor.set_image(picture)
    small = torch.nn.functional.interpolate(torch.from_numpy(earlier)[None, None], (64, 64), mode="area")[0]
    masks, scores, _ = predictor.predict(np.array([[38.0, 64.0]]), np.array([1]), mask_input=small.numpy() * 20 - 10)

    ours = found(sam, picture, Clicks(points=((38.0, 64.0, 1),)), mask=earlier)

    order = np.argsort(-scores)
    agree = [np.mean(one.mask.numpy() == masks[place]) for one, place in zip(ours, order, strict=True)]
    assert min(agree) > 0.99
    without = found(sam, picture, Clicks(points=((38.0, 64.0, 1),)))
    assert not torch.equal(ours[0].mask, without[0].mask)


def test_which_answer_is_kept(sam):
    every = found(sam, scene(), DISC)
    shares = [one.share for one in every]

    assert len(every) == 3 and len(set(shares)) == 3
    assert [one.score for one in every] == sorted((one.score for one in every), reverse=True)
    assert [one.share for one in found(sam, scene(), DISC, BEST)] == [shares[0]]
    assert [one.share for one in found(sam, scene(), DISC, LARGEST)] == [max(shares)]
    assert [one.share for one in found(sam, scene(), DISC, SMALLEST)] == [min(shares)]


@pytest.mark.parametrize(
    ("clicks", "colour"),
    [
        (Clicks(points=((38.0, 64.0, 1),)), (240, 140, 20)),
        (Clicks(box=(6, 32, 70, 96)), (240, 140, 20)),
        (Clicks(box=(70, 38, 122, 90)), (40, 180, 60)),
    ],
    ids=["a click", "a box", "another box"],
)
def test_it_segments_what_is_clicked_on(sam, clicks, colour):
    (thing,) = found(sam, scene(128, 128), clicks, BEST)

    wanted = torch.from_numpy(np.all(scene(128, 128) == colour, axis=2))
    assert (thing.mask & wanted).sum() / (thing.mask | wanted).sum() > 0.65


def test_a_clear_question_gets_the_package_s_one_answer(package, sam):
    predictor = SamPredictor(package)
    predictor.set_image(scene())
    box = np.array([10.0, 20.0, 70.0, 80.0])
    masks, scores, _ = predictor.predict(box=box, multimask_output=False)

    (one,) = found(sam, scene(), Clicks(box=tuple(box)), BEST)

    assert one.score == pytest.approx(float(scores[0]), abs=1e-6)
    assert np.array_equal(one.mask.numpy(), masks[0])


# Remembering


@pytest.mark.parametrize("size", [(2000, 1), (1, 2000)], ids=str)
def test_a_picture_as_thin_as_a_line_is_segmented(sam, size):
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    (best,) = found(sam, picture, Clicks(points=((0.5, 0.5, 1),)), BEST)
    assert best.mask.shape == picture.shape[:2]


def test_a_second_click_does_not_look_at_the_picture_again(sam):
    first = found(sam, scene(), DISC)
    found(sam, scene(), Clicks(points=((96.0, 48.0, 1),)))
    again = found(sam, scene().copy(), DISC)

    assert sam.encoded == 1
    assert all(torch.equal(one.mask, other.mask) for one, other in zip(first, again, strict=True))
    found(sam, scene(64, 64), DISC)
    assert sam.encoded == 2


def test_what_is_remembered_is_bounded_and_on_the_cpu(sam, monkeypatch):
    with sam.on_device():
        seen = sam.see(Pixels(scene()))
        assert all(feature.device == CPU for feature in seen.features)
        monkeypatch.setattr(model, "KEPT_BYTES", seen.nbytes * 2)
        for width in (100, 101, 100, 102):
            sam.see(Pixels(scene(width)))
        # 100 was asked for again before 102 came, so 101 had to go.
        before = sam.encoded
        sam.see(Pixels(scene(100)))
        assert sam.encoded == before
        sam.see(Pixels(scene(101)))
        assert sam.encoded == before + 1


def test_it_is_not_asked_off_the_device(sam):
    with pytest.raises(RuntimeError, match="on_device"):
        sam.see(Pixels(scene()))


# Everything

LOOSE = {"pred_iou_thresh": 0.2, "stability_score_thresh": 0.3}


@pytest.mark.parametrize("crops", [0, 1])
def test_everything_equals_the_package_s_own(package, sam, crops):
    generator = SamAutomaticMaskGenerator(package, points_per_side=4, crop_n_layers=crops, **LOOSE)
    theirs = generator.generate(scene())
    heard = []

    with sam.on_device():
        search = everything.Search(4, crop_n_layers=crops, order=everything.BEST_FIRST, **LOOSE)
        ours = everything.find(sam, Pixels(scene()), search, heard.append)

    theirs.sort(key=lambda one: -one["predicted_iou"])
    assert len(ours) == len(theirs) > 1
    assert [one.score for one in ours] == pytest.approx([one["predicted_iou"] for one in theirs], abs=1e-5)
    agree = [np.mean(one.mask == other["segmentation"]) for one, other in zip(ours, theirs, strict=True)]
    assert min(agree) > 0.999
    assert heard[0] == 0 and heard == sorted(heard) and heard[-1] < 1


def test_the_order_the_number_and_the_smallest(sam):
    def ask(**wishes):
        with sam.on_device():
            return everything.find(sam, Pixels(scene()), everything.Search(4, **LOOSE, **wishes), lambda done: None)

    areas = [one.area for one in ask()]
    assert areas == sorted(areas, reverse=True)
    lefts = [one.left for one in ask(order=everything.LEFT_TO_RIGHT)]
    assert lefts == sorted(lefts)
    tops = [one.top for one in ask(order=everything.TOP_TO_BOTTOM)]
    assert tops == sorted(tops)
    assert [one.area for one in ask(most=2)] == areas[:2]
    assert [one.area for one in ask(smallest=areas[1] / (128 * 96))] == areas[:2]


def test_nothing_found_is_an_empty_list(sam):
    with sam.on_device():
        search = everything.Search(2, pred_iou_thresh=1.0, stability_score_thresh=1.0)
        assert everything.find(sam, Pixels(scene()), search, lambda done: None) == []


def test_a_stop_is_felt_between_two_batches(sam):
    def stop(done):
        if done > 0:
            raise KeyboardInterrupt

    with sam.on_device(), pytest.raises(KeyboardInterrupt):
        everything.find(sam, Pixels(scene()), everything.Search(16), stop)


# Large pictures


@pytest.mark.skipif(sys.platform == "win32", reason="reads its own memory the way of Unix")
def test_an_8k_picture_stays_within_memory(sam):
    import psutil

    width, height = 7680, 4320
    picture = Pixels(scene(128, 72).repeat(60, axis=0).repeat(60, axis=1))
    one_mask = width * height * 4
    process, peaks = psutil.Process(), []
    before = process.memory_info().rss
    asked = Clicks(points=((0.3, 0.5, 1),), size=(1, 1)).asked(width, height)
    with sam.on_device():
        enlarged = sam.enlarged

        def watched(answers, seen):
            answer = enlarged(answers, seen)
            peaks.append(process.memory_info().rss - before)
            return answer

        sam.enlarged = watched
        (largest,) = segment(sam, picture, asked, LARGEST)
        things = everything.find(sam, picture, everything.Search(2, **LOOSE), lambda done: None)

    assert largest.mask.shape == (height, width)
    assert things and all(one.mask.shape == (576, 1024) for one in things)
    # One answer at full size at a time: its numbers, and the yes and no of those before.
    assert len(peaks) > 3 and max(peaks) < 3 * one_mask, [peak / one_mask for peak in peaks]


def test_the_overview_colours_every_mask_the_smallest_on_top():
    picture = Pixels(np.full((300, 40, 3), 200, np.uint8))
    large, small = torch.zeros(300, 40), torch.zeros(300, 40)
    large[:280, :30], small[250:270, 10:20] = 1, 1
    shown = np.empty((300, 40, 3), np.float32)

    colours.overview(picture, [small, large], shown)

    ground, on_large, on_small = shown[290, 35], shown[0, 0], shown[260, 15]
    assert ground.tolist() == pytest.approx([200 / 255 / 2] * 3)
    assert np.array_equal(on_large, shown[257, 5]) and not np.allclose(on_large, on_small)
    assert len({tuple(colour) for colour in shown.reshape(-1, 3).tolist()}) == 3


def test_a_veil_is_no_larger_than_it_is_shown():
    mask = torch.zeros(2000, 4000)
    mask[:1000] = 1
    sheet = colours.veil(mask)
    assert (sheet.width, sheet.height) == (1536, 768)
    assert sheet.array[100, 100, 3] > 100 and sheet.array[700, 100, 3] == 0
    small = colours.small(Pixels(np.zeros((2000, 4000, 4), np.uint8)))
    assert (small.width, small.height, small.has_alpha) == (1536, 768, False)
