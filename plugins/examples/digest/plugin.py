"""Sums up each session of an agent when it ends: its tool calls, what failed, what was denied, and what took longest."""

import json

from wit_world import exports
from wit_world.exports.lifecycle import Capability_Emit, Description
from wit_world.imports import bus, store
from wit_world.imports.types import Draft, Event

# Sessions counted at a time; of more, the one that did nothing for longest is forgotten.
MAX_SESSIONS = 100
# Tools told apart in one session; further ones are counted together.
MAX_TOOLS = 20
# Characters of a tool's name that count: so many sessions of so many tools fit the store, whatever their names are.
MAX_NAME = 64
# What is kept of a session begins with the place of its last event, in so many digits.
PLACE = 20


def empty() -> dict:
    return {"calls": 0, "failed": 0, "denied": 0, "tools": {}}


def count(session: dict, event_type: str, payload: dict) -> None:
    """Adds one event to what is known of its session."""
    if event_type == "tool.denied":
        session["denied"] += 1
        return
    session["calls"] += 1
    session["failed"] += not payload["ok"]
    tools = session["tools"]
    name = (payload.get("canonical_tool") or payload["tool_name"])[:MAX_NAME]
    if name not in tools and len(tools) >= MAX_TOOLS:
        name = "others"
    calls, took = tools.get(name, (0, 0))
    tools[name] = (calls + 1, took + payload.get("duration_ms", 0))


def words(session: dict) -> str:
    """The digest as a person reads it."""
    text = f"tool calls: {session['calls']}, failed: {session['failed']}, denied: {session['denied']}"
    slowest = max(session["tools"].items(), key=lambda tool: tool[1][1], default=None)
    if slowest and slowest[1][1] > 0:
        name, (calls, took) = slowest
        text += f"; longest: {name}, {took / 1000:.1f} s, calls: {calls}"
    return text


class Lifecycle(exports.Lifecycle):
    def describe(self) -> Description:
        return Description(
            name="digest",
            version="0.1.0",
            summary="Sums up a session when it ends",
            subscriptions=["tool.finished", "tool.denied", "session.ended", "hook.session_end"],
            gates=[],
            needs=[Capability_Emit("digest.written")],
            wants=[],
            config_schema=None,
        )

    def init(self, config: str) -> None:
        pass

    def stop(self) -> None:
        pass


class Handler(exports.Handler):
    def handle(self, event: Event) -> None:
        if event.session is None:
            return
        # Each session has a key of its own: an event costs what its own session does.
        stored = store.get(event.session)
        session = json.loads(stored[PLACE:]) if stored else None
        if event.type in ("session.ended", "hook.session_end"):
            if session is not None:
                payload = {"session_id": event.session, **session, "text": words(session)}
                bus.emit(Draft(type="digest.written", entity=None, payload=json.dumps(payload)))
                store.delete(event.session)
            return
        if session is None:
            session = empty()
            sessions = store.keys("")
            if len(sessions) >= MAX_SESSIONS:
                store.delete(min(sessions, key=lambda one: store.get(one)[:PLACE]))
        count(session, event.type, json.loads(event.payload))
        store.set(event.session, f"{event.seq:0{PLACE}}{json.dumps(session, ensure_ascii=False)}".encode())
