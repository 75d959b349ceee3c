import shutil
import ssl
from urllib.error import URLError

import pytest
from download_servers import CONTENT, QUICK, Served, get, proxy, serving

from qaclims_mm.downloads import transfer
from qaclims_mm.downloads.transfer import Patience, fetch
from qaclims_mm.downloads.wanted import Wanted
from qaclims_mm.errors import DownloadError


def only(folder):
    """Return the names in a folder."""
    return sorted(p.name for p in folder.iterdir())


def test_a_file_is_fetched_and_nothing_is_left_beside_it(tmp_path):
    seen = []
    with serving({'file.bin': Served(CONTENT)}) as (url, asked):
        found = get(
            tmp_path,
            f'{url}/file.bin',
            bytes=len(CONTENT),
            on_bytes=lambda done, total: seen.append((done, total)),
        )
    assert found == CONTENT
    assert asked == [('/file.bin', None)]
    assert only(tmp_path) == ['file.bin']
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize('etag', ['"one"', '"another"'])
def test_connections_that_end_early_are_resumed(tmp_path, etag):
    served = Served(CONTENT, cuts=[100_000, 50_000], etag=etag)
    with serving({'file.bin': served}) as (url, asked):
        assert get(tmp_path, f'{url}/file.bin') == CONTENT
    assert [wanted for _, wanted in asked] == [None, 'bytes=100000-', 'bytes=150000-']


def test_a_later_command_resumes(tmp_path):
    served = Served(CONTENT, cuts=[100_000, 0, 0, 0, 0])
    with serving({'file.bin': served}) as (url, asked):
        with pytest.raises(DownloadError, match=r'ended after 100000 of 300000 bytes \(4 tries\)'):
            get(tmp_path, f'{url}/file.bin')
        assert only(tmp_path) == ['file.bin.part', 'file.bin.part.json']
        served.cuts.clear()
        asked.clear()
        assert get(tmp_path, f'{url}/file.bin') == CONTENT
    assert asked == [('/file.bin', 'bytes=100000-')]


def test_a_server_that_does_not_resume_starts_again(tmp_path):
    served = Served(CONTENT, cuts=[100_000, 200_000], ranges=False)
    with serving({'file.bin': served}) as (url, _):
        assert get(tmp_path, f'{url}/file.bin') == CONTENT


def test_a_server_that_never_comes_to_the_end_is_given_up(tmp_path):
    served = Served(CONTENT, cuts=[100_000] * 50, ranges=False)
    with (
        serving({'file.bin': served}) as (url, asked),
        pytest.raises(DownloadError, match='ended after'),
    ):
        get(tmp_path, f'{url}/file.bin')
    assert len(asked) == 4


def test_errors_that_pass_are_waited_for(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(transfer.time, 'sleep', waited.append)
    served = Served(CONTENT, errors=[503, 429, 500])
    with serving({'file.bin': served}) as (url, asked):
        fetch(Wanted(tmp_path / 'file.bin', (f'{url}/file.bin',)), patience=Patience(pause=1.0))
    assert len(asked) == 4
    # the server of this test sleeps too, but for nothing
    assert [w for w in waited if w] == [1.0, 2.0, 4.0]


@pytest.mark.parametrize('status', [401, 403, 404, 410])
def test_errors_that_do_not_pass_are_told_at_once(tmp_path, status):
    with (
        serving({'file.bin': Served(b'', errors=[status])}) as (url, asked),
        pytest.raises(DownloadError) as raised,
    ):
        get(tmp_path, f'{url}/file.bin')
    assert f'{url}/file.bin: the server answers {status}' in str(raised.value)
    assert f'put the file at {tmp_path}/file.bin by hand' in str(raised.value)
    assert len(asked) == 1


def test_the_next_address_is_tried(tmp_path):
    with serving({'b/file.bin': Served(CONTENT)}) as (url, asked):
        assert get(tmp_path, f'{url}/a/file.bin', f'{url}/b/file.bin') == CONTENT
    assert [path for path, _ in asked] == ['/a/file.bin', '/b/file.bin']


def test_a_slow_server_is_left(tmp_path):
    slow = Served(CONTENT, pause=0.15, chunk=100)
    with serving({'a.bin': slow, 'b.bin': Served(CONTENT)}) as (url, _):
        assert get(tmp_path, f'{url}/a.bin', f'{url}/b.bin') == CONTENT
        with pytest.raises(DownloadError, match='bytes a second come'):
            fetch(Wanted(tmp_path / 'x', (f'{url}/a.bin',)), patience=Patience(5, 0.2, 9e9, 1, 0))


def test_a_server_that_falls_silent(tmp_path):
    silent = Served(CONTENT, pause=1.5, chunk=100_000)
    with (
        serving({'a.bin': silent}) as (url, _),
        pytest.raises(DownloadError, match='nothing comes any more'),
    ):
        fetch(Wanted(tmp_path / 'x', (f'{url}/a.bin',)), patience=Patience(0.2, 60, 0, 1, 0))


def test_a_web_page_is_not_the_file(tmp_path):
    page = Served(b'<html>log in</html>', kind='text/html; charset=utf-8')
    with (
        serving({'file.bin': page}) as (url, _),
        pytest.raises(DownloadError, match='a web page, not the file; a login or a form'),
    ):
        get(tmp_path, f'{url}/file.bin')
    assert only(tmp_path) == []


@pytest.mark.parametrize('size', [1, 299_999, 300_001])
def test_a_file_of_another_size_is_refused_before_it_is_fetched(tmp_path, size):
    with (
        serving({'file.bin': Served(CONTENT)}) as (url, _),
        pytest.raises(DownloadError, match=f'has 300000 bytes, not {size}'),
    ):
        get(tmp_path, f'{url}/file.bin', bytes=size)
    assert only(tmp_path) == []


def test_without_a_length_too_much_and_too_little_are_noticed(tmp_path):
    with serving({'file.bin': Served(CONTENT, length=False)}) as (url, _):
        assert get(tmp_path, f'{url}/file.bin') == CONTENT
        (tmp_path / 'file.bin').unlink()
        with pytest.raises(DownloadError, match='more than the 299999 bytes'):
            get(tmp_path, f'{url}/file.bin', bytes=299_999)
        with pytest.raises(DownloadError, match='has 300000 bytes, not 300001'):
            get(tmp_path, f'{url}/file.bin', bytes=300_001)


def test_a_wrong_file_is_deleted_and_the_next_address_tried(tmp_path):
    def check(part):
        if part.read_bytes() != CONTENT:
            raise DownloadError('it is wrong')

    files = {'a.bin': Served(bytes(300_000)), 'b.bin': Served(CONTENT)}
    with serving(files) as (url, _):
        assert get(tmp_path, f'{url}/a.bin', f'{url}/b.bin', check=check) == CONTENT
        (tmp_path / 'file.bin').unlink()
        with pytest.raises(DownloadError, match=r'a\.bin: it is wrong'):
            get(tmp_path, f'{url}/a.bin', check=check)
    assert only(tmp_path) == []


def test_a_host_that_is_not_there(tmp_path):
    with serving({}) as (url, _):
        pass
    with pytest.raises(DownloadError, match=r'cannot be reached .*refused.* \(3 tries\)'):
        get(tmp_path, f'{url}/file.bin')


def test_a_certificate_that_is_not_trusted_is_told_at_once(tmp_path, monkeypatch):
    tried = []

    def refuse(opener, request, timeout):
        tried.append(timeout)
        raise URLError(ssl.SSLCertVerificationError('self-signed certificate'))

    monkeypatch.setattr('urllib.request.OpenerDirector.open', refuse)
    with pytest.raises(
        DownloadError, match=r'self-signed.*let SSL_CERT_FILE name its certificates'
    ):
        get(tmp_path, 'https://127.0.0.1/file.bin')
    assert tried == [QUICK.timeout]


def test_a_proxy_of_the_environment_is_used(tmp_path, monkeypatch):
    with serving({'file.bin': Served(CONTENT)}) as (url, _), proxy(url) as (address, asked):
        monkeypatch.setenv('http_proxy', address)
        assert get(tmp_path, 'http://example.invalid/deep/file.bin') == CONTENT
        assert asked == ['http://example.invalid/deep/file.bin']
        monkeypatch.setenv('no_proxy', '127.0.0.1')
        (tmp_path / 'file.bin').unlink()
        assert get(tmp_path, f'{url}/file.bin') == CONTENT
    assert len(asked) == 1


def test_a_disk_without_room_is_told_before_the_transfer(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(transfer.shutil, 'disk_usage', lambda path: usage)
    with (
        serving({'file.bin': Served(CONTENT)}) as (url, _),
        pytest.raises(DownloadError, match=r'300000 more bytes are needed, but .* 1000 free'),
    ):
        get(tmp_path, f'{url}/file.bin')
    assert only(tmp_path) == []
