"""Requests that somebody might send to do harm, and what they get."""

REFUSED = {422}
GONE = {404}
_USER = "/recommend/user/x"
_JSON = {"Content-Type": "application/json"}


def _get(why, url, *, status=REFUSED, **more):
    return {"why": why, "method": "GET", "url": url, "status": set(status), **more}


def _post(why, url, *, status=REFUSED, **more):
    return {"why": why, "method": "POST", "url": url, "status": set(status), **more}


def _cold(why, body, **more):
    return _post(why, "/recommend/cold", json=body, **more)


HOSTILE = [
    _get("a list of length 0", f"{_USER}?top_k=0", field="query.top_k"),
    _get("a negative length", f"{_USER}?top_k=-1", field="query.top_k"),
    _get("a huge length", f"{_USER}?top_k=501", field="query.top_k"),
    _get("a length beyond any integer", f"{_USER}?top_k={'9' * 400}", field="query.top_k"),
    _get("a length that is a float", f"{_USER}?top_k=1e2", field="query.top_k"),
    _get("a length of NaN", f"{_USER}?top_k=nan", field="query.top_k"),
    _get("a strategy that is none", f"{_USER}?strategy=__import__", field="query.strategy"),
    _get("a boolean that is none", f"{_USER}?exclude_seen=perhaps", field="query.exclude_seen"),
    _get("a condition without =", f"{_USER}?dataset=hm&where=name"),
    _get("a condition on no column", f"{_USER}?dataset=hm&where=drop table=1"),
    _get("a condition on nothing", f"{_USER}?dataset=hm&where=="),
    _get(
        "too many conditions",
        f"{_USER}?dataset=hm&" + "&".join(["where=a=b"] * 11),
        field="query.where",
    ),
    _get("an endless condition", f"{_USER}?dataset=hm&where={'a' * 300}=1"),
    _get("a dataset with a path", f"{_USER}?dataset=../../etc/passwd", status=GONE),
    _get("a dataset with a NUL", f"{_USER}?dataset=hm%00", status=GONE),
    _get("an endless id", "/recommend/user/" + "x" * 300, field="path.user"),
    _get("an id with a NUL", "/recommend/user/%00?dataset=hm", field="path.user"),
    _get("an item with a NUL", "/items/a%00b?dataset=hm", field="path.item"),
    _get("an id that is no UTF-8", "/recommend/user/%ff%fe?dataset=hm", status={200}),
    _get("an id with line ends", "/recommend/user/a%0d%0aX: y?dataset=hm", status={200, 404}),
    _get("an item that climbs", "/items/..%2f..%2f..%2fetc%2fpasswd?dataset=hm", status=GONE),
    _get(
        "a picture that climbs",
        "/items/..%2f..%2f..%2fetc%2fpasswd/image?dataset=hm",
        status=GONE,
    ),
    _get("a page that climbs", "/..%2f..%2fetc%2fpasswd", status=GONE),
    _get("a history of length 0", "/users/x/history?limit=0", field="query.limit"),
    _get("all users at once", "/users?dataset=hm&limit=1000000", field="query.limit"),
    _get("an endless beginning", "/users?dataset=hm&query=" + "x" * 300, field="query.query"),
    _get("a method that is not allowed", "/recommend/cold", status={404, 405}),
    _post("no body", "/recommend/cold", field="body"),
    _post("no JSON", "/recommend/cold", content=b"{", headers=_JSON),
    _post("an empty body", "/recommend/cold", content=b"", headers=_JSON),
    _post("a deep body", "/recommend/cold", content=b"[" * 50_000, headers=_JSON,
          status={400, 422}),
    _post("JSON that is no UTF-8", "/recommend/cold", content=b'"\xff"', headers=_JSON,
          status={400, 422}),
    _post("a number without end", "/recommend/cold",
          content=b'{"top_k": ' + b"9" * 5000 + b"}", headers=_JSON, status={400, 422}),
    _post("infinity", "/recommend/cold", content=b'{"top_k": 1e999}', headers=_JSON,
          field="body.top_k"),
    *(
        _post(f"{value} as a number", "/recommend/cold", content=b'{"top_k": %s}' % value.encode(),
              headers=_JSON, field="body.top_k")
        for value in ("true", "false", '"5"', "5.5", "5.0", "1e2", "[5]", "{}", "-1")
    ),
    *(
        _post(f"{value} as a boolean", "/recommend/cold", headers=_JSON, field="body.fallback",
              content=b'{"dataset": "hm", "fallback": %s}' % value.encode())
        for value in ('"yes"', '"true"', "1", "0", "null")
    ),
    *(
        _post(f"{value} as words", "/recommend/from_text", headers=_JSON, field="body.text",
              content=b'{"dataset": "hm", "text": %s}' % value.encode())
        for value in ("5", "true", "null", '["a"]')
    ),
    _post("true as a number of words", "/recommend/from_text",
          json={"text": "a", "dataset": "hm", "top_k": True}, field="body.top_k"),
    _post("true as a number of a catalogue", "/recommend/catalog",
          json={"catalogue": [{"id": "a", "text": "b"}], "liked": ["b"], "top_k": True},
          field="body.top_k"),
    _post("an id that is a number", "/recommend/catalog",
          json={"catalogue": [{"id": 5, "text": "b"}], "liked": ["b"]},
          field="body.catalogue.0.id"),
    _post("an id twice", "/recommend/catalog",
          json={"catalogue": [{"id": "a", "text": "b"}] * 2, "liked": ["b"]},
          field="body.catalogue"),
    *(
        _post(f"{value} as a number", "/recommend/cold", headers=_JSON,
              content=b'{"top_k": %s}' % value.encode())
        for value in ("NaN", "Infinity", "-Infinity")
    ),
    _post("a huge number", "/recommend/cold", headers=_JSON,
          content=b'{"dataset": "hm", "top_k": ' + b"9" * 4000 + b"}"),
    _post("a number with too many digits", "/recommend/cold", headers=_JSON,
          content=b'{"dataset": "hm", "top_k": ' + b"9" * 9000 + b"}"),
    _post("a field twice", "/recommend/cold", content=b'{"top_k": 1, "top_k": 2}', headers=_JSON),
    _post("a field twice, inside", "/recommend/catalog", headers=_JSON,
          content=b'{"catalogue": [{"id": "a", "id": "b", "text": "c"}], "liked": ["c"]}'),
    _post("JSON in UTF-16", "/recommend/cold", content='{"liked": []}'.encode("utf-16"),
          headers=_JSON),
    _cold("an id with a NUL in JSON", {"liked": ["a\0b"], "dataset": "hm"}, field="body.liked.0"),
    _post("half a character in words", "/recommend/from_text", headers=_JSON,
          content=rb'{"dataset": "hm", "text": "\ud800"}', field="body.text"),
    _post("half a character in a dataset", "/recommend/cold", headers=_JSON,
          content=rb'{"dataset": "\ud800"}', field="body.dataset"),
    _post("half a character as a field", "/recommend/cold", headers=_JSON,
          content=rb'{"\ud800": 1, "\ud800": 2}'),
    _cold("a list instead of an object", [1, 2], field="body"),
    _cold("a field that is none", {"likes": ["x"]}, field="body.likes"),
    _cold("ids that are numbers", {"liked": [1]}, field="body.liked.0"),
    _cold("ids that are null", {"liked": None}, field="body.liked"),
    _cold("too many ids", {"liked": ["x"] * 1001}, field="body.liked"),
    _cold("an endless id", {"liked": ["x" * 257]}, field="body.liked.0"),
    _cold("endless words", {"text": "x" * 2001}, field="body.text"),
    _cold("a length of 0", {"top_k": 0}, field="body.top_k"),
    _cold("a huge length", {"top_k": 501, "dataset": "hm"}),
    _cold("a dataset that is not named", {"liked": []}),
    _cold("only dislikes", {"disliked": ["x"], "dataset": "hm"}, status={200}),
    _post("half a character", "/recommend/cold", content=rb'{"liked": ["\ud800"]}', headers=_JSON),
    _post("words that are none", "/recommend/from_text", json={"text": "  ", "dataset": "hm"}),
    _post("words nobody has", "/recommend/from_text", json={"text": "zzqqx", "dataset": "rr"},
          status={200}),
    _post("no words", "/recommend/from_text", json={"dataset": "hm"}, field="body.text"),
    _post("an empty catalogue", "/recommend/catalog",
          json={"catalogue": [], "liked": ["a"]}, field="body.catalogue"),
    _post("too large a catalogue", "/recommend/catalog",
          json={"catalogue": [{"id": "a", "text": "b"}] * 1001, "liked": ["a"]},
          field="body.catalogue"),
    _post("a catalogue of nothing", "/recommend/catalog",
          json={"catalogue": [{"id": "", "text": ""}], "liked": [""], "dataset": "hm"},
          status={200}),
    _post("no picture", "/recommend/from_image", field="body.image"),
    _post("a picture that is text", "/recommend/from_image", data={"image": "text"},
          field="body.image"),
    _post("a form that breaks off", "/recommend/from_image",
          content=b"--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n",
          headers={"Content-Type": "multipart/form-data; boundary=x"}, status={400, 422}),
    _post("a form without a boundary", "/recommend/from_image", content=b"--x",
          headers={"Content-Type": "multipart/form-data"}, status={400, 422}),
]  # fmt: skip
"""Keyword arguments of a request, besides `why`, the `status` allowed and the `field` named."""
