// Drives a headless Chromium over its debugging pipe: node browser.cjs CHROMIUM STEP...
//
// STEP is `open URL`, `size WIDTH HEIGHT`, `scheme light|dark`, `wait EXPRESSION` until it is true, `print EXPRESSION`,
// `click SELECTOR`, `key KEY`, `shot FILE`, or `say TEXT` (to print a line, so that the test does something meanwhile),
// and `line` (to wait for a line on stdin).
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const [chromium, ...steps] = process.argv.slice(2);
const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'secretcat-browser-'));
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', `--user-data-dir=${profile}`,
  '--disable-background-networking', '--no-first-run', '--hide-scrollbars', 'about:blank'];
const browser = spawn(chromium, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
const waiting = new Map();
let received = Buffer.alloc(0), number = 0, session;

browser.stdio[4].on('data', (bytes) => {
  received = Buffer.concat([received, bytes]);
  for (let end = received.indexOf(0); end >= 0; end = received.indexOf(0)) {
    const answer = JSON.parse(received.subarray(0, end));
    received = received.subarray(end + 1);
    if (answer.id) { waiting.get(answer.id)(answer); waiting.delete(answer.id); }
    else if (answer.method === 'Runtime.exceptionThrown' && answer.params.exceptionDetails.url) console.log('exception', answer.params.exceptionDetails.exception.description);
    else if (answer.method === 'Log.entryAdded' && answer.params.entry.source !== 'network') console.log('log', answer.params.entry.text);
  }
});

function call(method, params = {}, of = session) {
  number += 1;
  browser.stdio[3].write(`${JSON.stringify({ id: number, method, params, sessionId: of })}\0`);
  return new Promise((resolve, reject) => {
    waiting.set(number, (answer) => (answer.error ? reject(new Error(`${method}: ${answer.error.message}`)) : resolve(answer.result)));
  });
}

async function evaluate(expression) {
  const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
  if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception.description}`);
  return result.value;
}

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const actions = {
  open: (url) => call('Page.navigate', { url }),
  size: (size) => {
    const [width, height] = size.split(' ').map(Number);
    return call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  },
  scheme: (value) => call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] }),
  // The page changes with its next frame; the test has the one limit of time.
  wait: async (expression) => {
    while (!(await evaluate(`new Promise((done) => requestAnimationFrame(() => done(Boolean(${expression}))))`).catch(() => false)));
  },
  print: async (expression) => console.log(JSON.stringify(await evaluate(expression))),
  click: async (selector) => {
    const place = `(() => { const box = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()`;
    const [x, y] = await evaluate(place);
    for (const type of ['mousePressed', 'mouseReleased']) await call('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
  },
  key: async (key) => {
    const text = key === 'Space' ? ' ' : key.length === 1 ? key : undefined;
    for (const type of ['keyDown', 'keyUp']) await call('Input.dispatchKeyEvent', { type, key: text || key, text: type === 'keyDown' ? text : undefined });
  },
  shot: async (file) => {
    const { data } = await call('Page.captureScreenshot', { captureBeyondViewport: false });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
  },
  say: (text) => console.log(text),
  line: () => lines.next(),
};

(async () => {
  const { targetInfos } = await call('Target.getTargets');
  const { targetId } = targetInfos.find((target) => target.type === 'page');
  ({ sessionId: session } = await call('Target.attachToTarget', { targetId, flatten: true }));
  for (const domain of ['Page', 'Runtime', 'Log']) await call(`${domain}.enable`);
  for (const one of steps) {
    const [name, ...words] = one.split(' ');
    await actions[name](words.join(' '));
  }
})().then(() => 0, (error) => { console.log(`failed: ${error.message}`); return 1; }).then((status) => {
  browser.kill('SIGKILL');
  browser.on('exit', () => { try { fs.rmSync(profile, { recursive: true, force: true, maxRetries: 9, retryDelay: 100 }); } catch { /* a helper of the browser still writes there */ }
    process.exit(status); });
});
