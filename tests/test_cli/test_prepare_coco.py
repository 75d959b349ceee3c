from tool_runs import run_tool


def test_missing_annotations(tmp_path, capsys):
    ended = run_tool('prepare_coco', '--root', tmp_path, capsys=capsys)
    assert ended.status == 1
    assert 'instances_train2014.json is missing; unpack annotations_trainval2014' in ended.text
    assert list(tmp_path.iterdir()) == []


def test_workers(tmp_path, capsys):
    ended = run_tool('prepare_coco', '--root', tmp_path, '--workers', '0', capsys=capsys)
    assert ended.status == 2
    assert '--workers must be at least 1, but got 0' in ended.text
