# The PyPI client `websockets`: connects, sees events, asks for a pong, resumes by a cursor, and is refused without a token.
import asyncio, json, os, sys
import websockets
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

url, token, wanted = os.environ["URL"], os.environ["TOKEN"], int(os.environ["EVENTS"])
seen = {"version": "websockets " + websockets.__version__, "events": 0, "in_order": True, "types": [], "pong": False,
        "protocol_pong": False, "resumed": 0, "refused": 0}


async def main():
    last = 0
    async with connect(url, additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        await (await socket.ping())
        seen["protocol_pong"] = True
        await socket.send("ping")
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "pong":
                seen["pong"] = True
                print("connected", flush=True)
                continue
            seen["in_order"] &= message["seq"] > last and message["payload"]["message"] == str(seen["events"])
            seen["events"] += 1
            last = message["seq"]
            if message["type"] not in seen["types"]:
                seen["types"].append(message["type"])
            if seen["events"] == wanted:
                break
    async with connect(f"{url}&since={last - 2}", subprotocols=["tollgate.v1", f"tollgate.token.{token}"]) as socket:
        async for text in socket:
            if json.loads(text)["seq"] == last:
                seen["resumed"] += 1
                break
    try:
        async with connect(url):
            sys.exit("let in without a token")
    except InvalidStatus as refused:
        seen["refused"] = refused.response.status_code
    print(json.dumps(seen))


asyncio.run(main())
