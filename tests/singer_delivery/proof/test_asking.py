"""Questions over HTTP: what is asked again, and what is not."""

from __future__ import annotations

import pytest
from singer_delivery.endpoint import Request
from singer_delivery.proof.asking import Asker, Questions
from singer_delivery.proof.counting import CannotAsk

from tests.fakes.http.tls import self_signed, speak_tls
from tests.fakes.mixpanel import FakeMixpanel
from tests.singer_delivery.toys import PlayedClock


def test_a_certificate_that_nobody_vouches_for_is_asked_once_and_named(tmp_path):
    with FakeMixpanel() as fake:
        request = Request(speak_tls(fake, self_signed(tmp_path)) + "/export", b"", {}, "GET")
        asker = Asker(Questions("test/1"), (), "Toy", PlayedClock(0.0))
        with pytest.raises(CannotAsk, match="certificate"):
            asker.ask(request)
        with pytest.raises(CannotAsk, match="certificate"), asker.lines(request):
            pass
    assert asker.requests == 2
