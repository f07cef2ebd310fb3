"""Sends requests one after another, each on a connection of its own: client.py HOST:PORT PATH COUNT [SECONDS].

Prints, as JSON, the targets that were answered whole, and those that were not with the cause. With a COUNT of 0
requests go on for SECONDS, or, where these are 0 too, until the first that fails.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from itertools import count

address, path, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 0
mark = "&" if "?" in path else "?"
deadline = time.monotonic() + seconds
answered: list[str] = []
failed: list[str] = []
for number in count():
    if number == limit if limit else time.monotonic() > deadline if seconds else failed:
        break
    target = f"{path}{mark}n={number}"
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        response.read()
        (answered if response.status == 200 else failed).append(target)
    except (OSError, http.client.HTTPException) as error:
        failed.append(f"{target}: {error!r}")
    finally:
        connection.close()
    time.sleep(0.002)
print(json.dumps({"answered": answered, "failed": failed}))
