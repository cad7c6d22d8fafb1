"""A listener that shares no code with Clew, only three formats. It needs nothing but Python 3.9. Ctrl-C ends it.

It reads the stream `orders` as the consumer group `python`, prints each message, and sends a span for it to the trace that
the message comes from. Lesson 12 is about it: 12-join-from-another-language.md.
"""
import json
import os
import re
import socket
import time
from contextlib import suppress
from urllib import parse, request

STREAM, GROUP, CONSUMER = "orders", "python", "python-1"


class Redis:
    """The first format: RESP, in which one talks to Redis."""

    def __init__(self, url):
        at = parse.urlsplit(url)
        self.socket = socket.create_connection((at.hostname, at.port or 6379))
        self.answers = self.socket.makefile("rb")
        if at.password:
            self.do("AUTH", *[parse.unquote(part) for part in (at.username, at.password) if part])

    def do(self, *words):
        """Send a command and return the answer. A command is an array (*) of strings ($), each after its length."""
        words = [str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self.answer()

    def answer(self):
        """Read an answer. Its first byte says what it is."""
        line = self.answers.readline().decode()
        kind, rest = line[:1], line[1:-2]
        if rest == "-1":
            return None  # nothing
        if kind == "$":  # so many bytes, and the end of the line
            return self.answers.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == "*":  # so many answers
            return [self.answer() for _ in range(int(rest))]
        if kind in ("+", ":"):  # a word, or a number
            return rest
        raise RuntimeError(rest or "Redis is gone")  # "-" is an error


# The second format: a message, as services/messaging/README.md says. Its fields are text. One of them is traceparent,
# which the W3C defines: version, trace, span, flags. Ids of zeros are none.
TRACEPARENT = re.compile("00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


def span_of(fields, partition, entry, start, end):
    """The third format: OTLP, in which spans are sent. Return the span of one message, None if there is nothing to record."""
    context = TRACEPARENT.fullmatch(fields.get("traceparent", ""))
    if not context:
        return None
    trace, creator, flags = context.groups()
    if not int(flags, 16) & 1:
        return None  # not sampled: where the trace began, it was decided not to record it
    came = int(entry.split("-")[0])  # an entry's id begins with the time at which it came into the stream, in milliseconds
    about = {
        "messaging.system": "redis_streams", "messaging.operation.name": "process", "messaging.operation.type": "process",
        "messaging.destination.name": STREAM, "messaging.destination.partition.id": str(partition),
        "messaging.consumer.group.name": GROUP, "messaging.client.id": CONSUMER,
        "messaging.message.id": fields.get("id", ""), "cloudevents.event_type": fields.get("type", ""),
        "messaging.message.conversation_id": fields.get("subject", ""),  # the order's id
        "messaging.redis_streams.stream_wait_ms": start / 1e6 - came, "messaging.redis_streams.outcome": "ack",
    }
    return {
        "traceId": trace, "spanId": os.urandom(8).hex(), "parentSpanId": creator,
        "links": [{"traceId": trace, "spanId": creator}],
        "name": "process " + STREAM, "kind": 5, "startTimeUnixNano": str(start), "endTimeUnixNano": str(end),  # 5: consumer
        "attributes": attributes(about),
    }


def attributes(values):
    return [{"key": k, "value": {"doubleValue" if type(v) is float else "stringValue": v}} for k, v in values.items()]


def send(address, spans):
    resource = {"attributes": attributes({"service.name": "python"})}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "listener.py"}, "spans": spans}]}]}
    post = request.Request(address + "/v1/traces", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        request.build_opener(request.ProxyHandler({})).open(post, timeout=5).close()  # it is near: no proxy
    except OSError as problem:  # the work is done all the same
        print("spans were not sent:", problem, flush=True)


def main():
    with open(os.path.join(os.environ.get("CLEW_DIR", ".clew"), "status.json")) as file:
        running = json.load(file)  # where everything is
    redis = Redis(running["redis"]["url"])
    keys = [f"{STREAM}:{{{n}}}" for n in range(int(redis.do("GET", STREAM + ":partitions")))]  # orders:{0}, orders:{1}, …
    for key in keys:
        with suppress(RuntimeError):  # the group may be there: then it goes on where it stopped
            redis.do("XGROUP", "CREATE", key, GROUP, "0", "MKSTREAM")  # 0: it begins with the oldest message
    print("listening to", STREAM, flush=True)
    after = "0"  # first what an earlier run was given and did not acknowledge; then, with ">", what is new
    while True:
        read = ["XREADGROUP", "GROUP", GROUP, CONSUMER, "COUNT", 100, "BLOCK", 1000, "STREAMS", *keys, *[after] * len(keys)]
        messages = [(key, *entry) for key, entries in redis.do(*read) or [] for entry in entries]
        spans = []
        for key, entry, values in messages:
            fields = dict(zip(values[::2], values[1::2])) if values else {}  # none if it was deleted meanwhile
            if fields and fields.get("redrivegroup", GROUP) == GROUP:  # else it is given to another group once more
                start = time.time_ns()
                print(fields.get("type"), fields.get("subject"), fields.get("traceparent", "without traceparent"), flush=True)
                spans.append(span_of(fields, keys.index(key), entry, start, time.time_ns()))
            redis.do("XACK", key, GROUP, entry)  # only now: what is not acknowledged is given again
        if any(spans):
            send(running["addresses"]["otlp_http"], [span for span in spans if span])
        after = after if messages else ">"


with suppress(KeyboardInterrupt):
    main()
