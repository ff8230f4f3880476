"""What schemathesis is told about this server beyond openapi.json: nothing is made easier, but answers that
need something to be there, or a fate to be waited for, come often enough to be looked at."""

import re
import zlib

import schemathesis

SOME_ID = re.compile(r"[A-Za-z0-9_.:@+=-]{1,64}")
SOME_TOKEN = re.compile(r"[0-9]+|[a-z]+\.[0-9]+\.[0-9]+(~[a-z]+\.[0-9]+\.[0-9]+)*")
IDS = ("order_id", "customer_id", "sku", "campaign_id")


def known(value):
    """Two of three good ids become one that is there: 0 to 2; which, only the id decides."""
    if not isinstance(value, str) or not SOME_ID.fullmatch(value):
        return value
    number = zlib.crc32(value.encode()) % 9
    return str(number // 2) if number < 6 else value


@schemathesis.hook
def before_call(context, case, kwargs):
    for name in IDS:
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = known(case.path_parameters[name])
        if isinstance(case.body, dict) and name in case.body and name != "order_id":
            case.body[name] = known(case.body[name])
    for name in list(case.headers or {}):
        # A good one names what is not there yet, and the answer waits for it for seconds.
        if name.lower() == "millrace-after" and SOME_TOKEN.fullmatch(str(case.headers[name])):
            case.headers[name] = "0"
        # Any text is allowed, and means nothing. So some writes wait for their fate.
        if name.lower() == "prefer":
            case.headers[name] = "wait=2"
