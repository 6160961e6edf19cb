"""A page in headless Chromium: what it shows, and what it tries to fetch."""

import json
import re
import shutil
import subprocess
from html import unescape

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Nothing but the file itself may be read; what the page tries is written down.
_GUARD = """<meta http-equiv="Content-Security-Policy" content="default-src 'unsafe-inline' 'unsafe-eval' data: blob:">
<script>
var refused = [];
document.addEventListener("securitypolicyviolation", (event) => refused.push(event.blockedURI));
</script>
"""
# Every picture of a Snakemake report, as a click on its eye shows it: its width and how many colours it has.
_LOOK = """<script>
window.addEventListener("load", async () => {
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const found = {};
  await pause(500);
  const front = document.querySelector("#app").innerText;
  for (const [path, entry] of Object.entries(results)) {
    if (!entry.mime_type.startsWith("image/")) continue;
    app.setView({content: "img", contentPath: entry.data_uri, resultPath: path, navbarMode: "resultinfo"});
    await pause(100);
    const image = Array.from(document.querySelectorAll("#app img")).find((i) => i.src === entry.data_uri);
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), {width: 200, height: 200});
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 200, 200);
    const pixels = new Uint32Array(context.getImageData(0, 0, 200, 200).data.buffer);
    found[path] = {width: image.width, colours: new Set(pixels).size, text: document.querySelector("nav").innerText};
  }
  const seen = document.createElement("pre");
  seen.id = "seen";
  seen.textContent = JSON.stringify({front: front, pictures: found, refused: refused});
  document.body.replaceChildren(seen);
});
</script>
"""


def look_at_report(path, folder):
    """{front: text of the first page, pictures: {path: width, colours, text beside it}, refused: [address, ...]}."""
    html = path.read_text(encoding="utf-8")
    copy = folder / "guarded.html"
    head, _, rest = html.partition("<head>")
    body, _, end = rest.rpartition("</body>")
    copy.write_text(f"{head}<head>{_GUARD}{body}{_LOOK}</body>{end}", encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += ["--virtual-time-budget=60000", "--timeout=60000", "--dump-dom", copy.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    seen = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert seen, done.stderr[-2000:]
    return json.loads(unescape(seen[1]))
