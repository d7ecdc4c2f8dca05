from __future__ import annotations

import pytest

from local.load_test import CountingTasks
from local.media.tasks import AUDIO_ACTION, VIDEO_ACTION

VID = f"{2:032x}1600000000"


@pytest.mark.parametrize("outputs", [1, 3])
def test_an_audio_task_has_as_many_outputs_as_are_ordered(outputs: int) -> None:
    record = CountingTasks(AUDIO_ACTION, outputs).find(AUDIO_ACTION, VID)
    assert record is not None
    names = [output["name"] for output in record["result"]["audio"]["info"]]
    assert len(set(names)) == len(names) == outputs


def test_a_video_task_is_the_document_s_with_another_id() -> None:
    record = CountingTasks(VIDEO_ACTION, 3).find(VIDEO_ACTION, VID)
    assert record is not None
    assert (record["vid"], len(record["result"])) == (VID, 1)
