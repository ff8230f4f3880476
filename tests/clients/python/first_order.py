"""A client that uses nothing of millrace's: the standard library, and what docs/orders.md says.

Usage: first_order.py http://HOST:PORT

A product and its stock, an order that waits for its fate, its payment, reading what was written, why it is
where it is, cancelling, and a copy of the view `orders` that follows its changes. Ends with status 0 if all
of it came out as described; else the first difference is an AssertionError.
"""

import http.client
import json
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

URL = sys.argv[1]
LIMIT_S = 30


def call(method, path, body=None, headers=None, lines=None):
    """Sends a request: status, headers, and the body's JSON. Problems are answers like any other."""
    headers = dict(headers or {})
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    if lines is not None:
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()
        headers["Content-Type"] = "application/x-ndjson"
    request = urllib.request.Request(URL + path, data=data, headers=headers, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=LIMIT_S)
    except urllib.error.HTTPError as problem:
        answer = problem
        assert problem.headers["Content-Type"] == "application/problem+json", problem.headers
    with answer:
        return answer.status, answer.headers, json.load(answer)


def expect(status, answer):
    assert answer[0] == status, answer
    return answer[2]


class Follower(threading.Thread):
    """A copy of a view: the whole of it, then each change. Knows the epoch as of which it is whole."""

    def __init__(self, view, key):
        super().__init__(daemon=True)
        self.path, self.key = f"/v1/views/{view}/changes", key
        self.rows, self.whole_as_of, self.moved = {}, 0, threading.Condition()
        self.start()

    def run(self):
        host = urllib.parse.urlsplit(URL)
        connection = http.client.HTTPConnection(host.hostname, host.port, timeout=LIMIT_S)
        connection.request("GET", self.path, headers={"Accept": "text/event-stream"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        event, waiting = {}, []
        for line in answer:
            line = line.decode().rstrip("\r\n")
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value
                continue
            if line or not event:
                continue
            if event.get("event") == "progress":
                self.apply(waiting, int(event["id"]))
                waiting = []
            elif "event" not in event:
                waiting.append(json.loads(event["data"]))
            event = {}

    def apply(self, changes, epoch):
        with self.moved:
            for change in changes:
                key = tuple(change["key"][name] for name in self.key)
                if change["op"] == "upsert":
                    self.rows[key] = change["row"]
                else:
                    self.rows.pop(key, None)
            self.whole_as_of = epoch
            self.moved.notify_all()

    def until(self, epoch):
        """The rows as of that epoch or a later one."""
        with self.moved:
            reached = self.moved.wait_for(lambda: self.whole_as_of >= epoch, timeout=LIMIT_S)
            assert reached, (self.whole_as_of, epoch)
            return self.whole_as_of, dict(self.rows)


def main():
    orders = Follower("orders", ["order_id"])
    product = {"type": "product_upserted", "sku": "mug", "name": "Mug", "price": 1200, "currency": "KRW"}
    assert expect(202, call("POST", "/v1/streams/products", lines=[product]))["accepted"] == 1
    stock = {"type": "stock_received", "receipt_id": "r-1", "sku": "mug", "quantity": 10}
    received = expect(202, call("POST", "/v1/streams/stock", lines=[stock, {"type": "nonsense"}]))
    assert received["accepted"] == 1, received
    assert [(bad["line"], bad["reason"]) for bad in received["rejected"]] == [(2, "unknown_type")], received
    after = {"Millrace-After": received["token"]}
    assert expect(200, call("GET", "/v1/stock/mug", headers=after))["available"] == 10

    wait = {"Prefer": "wait=10"}
    lines = [{"sku": "mug", "quantity": 2, "unit_price": 1200}]
    order = {"order_id": "py-1", "customer_id": "ann", "currency": "KRW", "lines": lines}
    placed = expect(201, call("POST", "/v1/orders", order, wait))
    assert (placed["status"], placed["payable"]) == ("awaiting_payment", 2400), placed
    again = expect(201, call("POST", "/v1/orders", order, wait))
    assert again["placed_at"] == placed["placed_at"] and again["as_of"] >= placed["as_of"]
    other = {**order, "customer_id": "ben"}
    assert expect(409, call("POST", "/v1/orders", other, wait))["reason"] == "conflict"
    many = {**order, "order_id": "py-2", "lines": [{**lines[0], "quantity": 11}]}
    rejected = expect(409, call("POST", "/v1/orders", many, wait))
    assert rejected["reason"] == "out_of_stock", rejected
    assert rejected["reason_detail"] == {"skus": [{"sku": "mug", "asked": 11, "available": 8}]}, rejected
    made = expect(202, call("POST", "/v1/orders", {**order, "order_id": None}))
    its = f"/v1/orders/{made['order_id']}"
    mine = expect(200, call("GET", its, headers={"Millrace-After": made["token"]}))
    assert mine["status"] == "awaiting_payment", mine

    paid = {"order_id": "py-1", "payment_key": "pay-1", "amount": 2400}
    token = expect(202, call("POST", "/v1/payments/confirm", paid))["token"]
    why = expect(200, call("GET", "/v1/orders/py-1/explain", headers={"Millrace-After": token}))
    assert why["status"] == "paying" and why["waits_for"][0]["for"] == "provider", why
    captured = {"type": "payment_confirmed", **paid, "currency": "KRW"}
    token = expect(202, call("POST", "/v1/streams/payments", lines=[captured]))["token"]
    confirmed = expect(200, call("GET", "/v1/orders/py-1", headers={"Millrace-After": token}))
    assert (confirmed["status"], confirmed["paid"]) == ("confirmed", 2400), confirmed
    assert confirmed["payments"][0]["status"] == "captured", confirmed

    token = expect(202, call("POST", its + "/cancel", {"reason": "twice"}))["token"]
    _, headers, gone = call("GET", its, headers={"Millrace-After": token})
    assert gone["status"] == "cancelled" and int(headers["Millrace-Epoch"]) == gone["as_of"], gone
    history = expect(200, call("GET", its + "/timeline"))["items"]
    assert [step["to_status"] for step in history] == ["awaiting_payment", "cancelled"], history
    assert expect(200, call("GET", "/v1/stock/mug"))["spent"] == 2
    assert expect(404, call("GET", "/v1/orders/nobody-s"))["type"] == "not-found"
    assert expect(200, call("GET", "/v1/audits"))["ok"] is True

    as_of, copy = orders.until(gone["as_of"])
    page = expect(200, call("GET", "/v1/views/orders", headers={"Millrace-After": str(as_of)}))
    view = {(row["order_id"],): row for row in page["items"]}
    assert copy == view and len(copy) == 3, (copy, view)
    print(f"{len(copy)} orders followed until epoch {as_of}")


main()
