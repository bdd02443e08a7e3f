"""The count that CI ends with: nothing that failed, broke off or never ran may look like a pass."""

import json
import subprocess
import sys

import pytest

from clients.apus import REPOSITORY


def event(kind, test=None, **more):
    return json.dumps({"kind": "event", "version": 0, "payload": {"kind": kind, **({"testID": test} if test else {}), **more}})


def declared(test, kind="function"):
    return json.dumps({"kind": "test", "version": 0, "payload": {"kind": kind, "id": test, "name": test}})


ENDED = event("runEnded")
GOOD = [declared("a"), event("testStarted", "a"), event("testEnded", "a")]
STREAMS = {
    "one passes": ([*GOOD, ENDED], "1 passed, 0 failed, 0 skipped", 0),
    "a suite is no test": ([declared("s", "suite"), *GOOD, event("testEnded", "s"), ENDED], "1 passed, 0 failed, 0 skipped", 0),
    "an issue fails": ([*GOOD, event("issueRecorded", "a", issue={"isKnown": False}), ENDED], "0 passed, 1 failed, 0 skipped", 1),
    "a known issue does not": ([*GOOD, event("issueRecorded", "a", issue={"isKnown": True}), ENDED], "1 passed, 0 failed, 0 skipped", 0),
    "an issue outside of tests fails": ([*GOOD, event("issueRecorded", issue={"isKnown": False}), ENDED], "1 passed, 1 failed, 0 skipped", 1),
    "a crash fails": ([*GOOD, declared("b"), event("testStarted", "b")], "1 passed, 1 failed, 0 skipped", 1),
    "a stream cut off fails": ([*GOOD, '{"kind": "ev'], "1 passed, 1 failed, 0 skipped", 1),
    "a skip is counted": ([*GOOD, declared("b"), event("testSkipped", "b"), ENDED], "1 passed, 0 failed, 1 skipped", 1),
    "no test at all fails": ([ENDED], "0 passed, 1 failed, 0 skipped", 1),
}


def tally(*arguments):
    done = subprocess.run(
        [sys.executable, REPOSITORY / "deploy/tally", "--no-skips", *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines()[-1], done.returncode


@pytest.mark.parametrize("what", STREAMS)
def test_a_swift_event_stream(tmp_path, what):
    lines, last, status = STREAMS[what]
    report = tmp_path / "swift.jsonl"
    report.write_text("\n".join(lines) + "\n")
    assert tally(report) == (last, status)


def test_a_junit_report_and_a_failed_step(tmp_path):
    report = tmp_path / "clients.xml"
    report.write_text(
        '<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><skipped/></testcase>'
        '<testcase name="d"><error/></testcase></testsuite></testsuites>'
    )
    assert tally(report) == ("1 passed, 2 failed, 1 skipped", 1)
    assert tally("--failed-steps", "3", report) == ("1 passed, 3 failed, 1 skipped", 1)
    assert tally("--failed-steps", "1") == ("0 passed, 1 failed, 0 skipped", 1)
