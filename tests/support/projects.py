"""Projects as other people have them, written anew: one of component scf, one of component multi-scf."""

from __future__ import annotations

from pathlib import Path

SINGLE = """\
component: scf
name: greeter
inputs:
  src: {src: ./src, exclude: [".env"]}
  runtime: Python3.10
  handler: index.main_handler
  timeout: 5
  environment:
    variables: {GREETING: hello}
  events:
    - apigw:
        parameters:
          endpoints:
            - {path: "/hello/{name}", method: GET, function: {isIntegratedResponse: true}}
            - {path: /raw, method: GET}
    - timer: {parameters: {name: tick, cronExpression: "0 0 0 1 1 * 2099", enable: true, argument: tock}}
"""
INDEX = """\
import os

import words


def main_handler(event, context):
    if event.get("Type") == "Timer":
        return event["Message"]
    name = event["pathParameters"].get("name", "nobody")
    body = words.greet(os.environ["GREETING"], name)
    return {"isBase64Encoded": False, "statusCode": 200, "headers": {}, "body": body}
"""
WORDS = """\
def greet(greeting, name):
    return greeting + ", " + name
"""
MULTI = """\
component: multi-scf
name: shop
inputs:
  src: ./code
  runtime: Python3.10
  environments: [{key: CURRENCY, value: CNY}]
  functions:
    list: {src: list, handler: app.main}
    price: {src: price, handler: app.main, layers: [{name: rates, version: 1}]}
  triggers:
    - type: apigw
      parameters:
        name: shop
        apis:
          - {path: /list, method: GET, function: list, isIntegratedResponse: true}
          - {path: "/price/{item}", method: GET, function: price}
    - {type: http, function: price, parameters: {netConfig: {enableExtranet: true}}}
"""
LAYER = "component: layer\nname: rates\ninputs: {name: rates, src: ./python}\n"


def single(folder: Path) -> Path:
    """Write the project of one function to a folder, and return the folder."""
    (folder / "src").mkdir(parents=True)
    (folder / "serverless.yml").write_text(SINGLE)
    (folder / "src" / "index.py").write_text(INDEX)
    (folder / "src" / "words.py").write_text(WORDS)
    return folder


def multi(folder: Path) -> Path:
    """Write the project of two functions and a layer to a folder, and return the folder."""
    for name in ("code/list", "code/price", "layer/python"):
        (folder / name).mkdir(parents=True)
    (folder / "serverless.yml").write_text(MULTI)
    (folder / "layer" / "serverless.yml").write_text(LAYER)
    (folder / "layer" / "python" / "rates.py").write_text("RATE = 2\n")
    (folder / "code" / "list" / "app.py").write_text(
        "def main(event, context):\n"
        "    return {'isBase64Encoded': False, 'statusCode': 200, 'headers': {'X-Items': '2'}, 'body': 'tea, cup'}\n"
    )
    (folder / "code" / "price" / "app.py").write_text(
        "import os, rates\n"
        "def main(event, context):\n"
        "    item = event.get('pathParameters', {}).get('item')\n"
        "    return {'item': item, 'price': rates.RATE, 'currency': os.environ['CURRENCY']}\n"
    )
    return folder
